# Debian's hnswlib and faiss for bench/search: builds, says so, then answers "effort k" lines with {"found", "cpu"}.
import json, sys, time
import numpy as np

name, folder, dimension, m, ef_construction = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
rows = np.fromfile(f"{folder}/rows.f32", dtype=np.float32).reshape(-1, dimension)
queries = np.fromfile(f"{folder}/queries.f32", dtype=np.float32).reshape(-1, dimension)

if name == "hnswlib":
    import hnswlib

    index = hnswlib.Index(space="ip", dim=dimension)
    index.init_index(max_elements=len(rows), M=m, ef_construction=ef_construction)
    index.set_num_threads(1)
    index.add_items(rows)

    def search(query, effort, k):
        return index.knn_query(query, k=k)[0]

    def prepare(effort):
        index.set_ef(effort)
else:
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexHNSWFlat(dimension, m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = ef_construction
    index.add(rows)

    def search(query, effort, k):
        return index.search(query, k)[1]

    def prepare(effort):
        index.hnsw.efSearch = effort

print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    effort, k = map(int, line.split())
    prepare(effort)
    start = time.process_time()
    found = [search(queries[i : i + 1], effort, k)[0].tolist() for i in range(len(queries))]
    print(json.dumps({"found": found, "cpu": 1000 * (time.process_time() - start)}), flush=True)
