# The peer of train-step.ts: the same step in PyTorch, from the same numbers. Answers each line "<steps>" on stdin with a JSON
# line {"wall": [ms...], "cpu": [ms...], "loss": [...]}.
#   python3 train_step.py <folder with data> <head | cnn> <threads>

import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

folder, task, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
spec = json.load(open(f"{folder}/spec.json"))


def tensor(name):
    dims = spec["tensors"][name]
    return torch.from_numpy(np.fromfile(f"{folder}/{name}.f32", dtype=np.float32).reshape(dims).copy())


labels = torch.tensor(spec["labels"])
per_class = spec["proxiesPerClass"]
proxies = tensor("proxies").requires_grad_()
parameters = {name: tensor(name).requires_grad_() for name in spec["network"]}
x = tensor("input")
running = {name: tensor(name) for name in spec["buffers"]}

proxy_labels = torch.arange(len(proxies)) // per_class
o = spec["loss"]


def unit(rows):
    return rows / rows.pow(2).sum(1, keepdim=True).clamp_min(1e-12).sqrt()


def field(embeddings):
    charges = torch.cat([embeddings, unit(proxies)])
    classes = torch.cat([labels, proxy_labels])
    same = (labels[:, None] == classes[None, :]).float()
    log_squared = (2 - 2 * (embeddings @ charges.t())).clamp_min(o["distanceFloor"] ** 2).log()
    da, dr = (2 * np.log(o[key]) for key in ("deltaAttraction", "deltaRepulsion"))
    attraction = 1 - torch.exp(-o["alphaAttraction"] / 2 * (log_squared - da).clamp_min(0))
    repulsion = torch.exp(-o["alphaRepulsion"] / 2 * (log_squared - dr).clamp_max(0)) - 1
    near = (same * attraction).sum(1)
    far = ((1 - same) * repulsion).sum(1)
    scale = (o["deltaRepulsion"] / o["deltaAttraction"]) ** o["alphaAttraction"]
    return (torch.log(1 + scale * near) + o["repulsionWeight"] * torch.log(1 + far)).mean()


def cnn(p):
    h = x
    for i, (kind, stride, groups) in enumerate(spec["layers"]):
        w = p[f"conv{i}"]
        h = F.conv2d(h, w, stride=stride, padding=w.shape[2] // 2, groups=groups)
        mean, var = running[f"mean{i}"], running[f"var{i}"]
        h = F.relu(F.batch_norm(h, mean, var, p[f"scale{i}"], p[f"bias{i}"], True, 0.1, 1e-5))
    return h.mean((2, 3)) @ p["head"]


def embed():
    return unit(x @ parameters["head"] if task == "head" else cnn(parameters))


rate, decay = spec["learningRate"], spec["weightDecay"]
optimizer = torch.optim.AdamW(
    [
        {"params": list(parameters.values()), "lr": rate},
        {"params": [proxies], "lr": rate * o["proxyLearningRateMultiplier"]},
    ],
    weight_decay=decay,
)

print("ready", flush=True)
for line in sys.stdin:
    wall, cpu, losses = [], [], []
    for _ in range(int(line)):
        started, used = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        loss = field(embed())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        wall.append((time.perf_counter() - started) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    print(json.dumps({"wall": wall, "cpu": cpu, "loss": losses}), flush=True)
