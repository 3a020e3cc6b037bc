;; Which rows of int8 may score at least `floor` with a query of int16. Sixteen lanes at a time. Assembled into scan-wasm.ts
;; by scripts/wasm.ts; why its bounds hold is said in vector-rows.ts.
;;
;; A row: f32 scale, f32 error, f32 norm, four bytes of nothing, then its codes, padded with zeros to whole eights.
;; The query: int16 codes, padded in the same way. bytes: how many codes there are, padding included.
(module
  (import "env" "memory" (memory 1))

  ;; Of the rows list[0..count) writes those to kept whose bound
  ;;   scale * row.scale * (row . query) + perError * row.error + perNorm * row.norm
  ;; is not below floor, their bounds to out, and returns how many there are.
  (func (export "sift")
      (param $query i32) (param $rows i32) (param $bytes i32) (param $list i32) (param $count i32)
      (param $kept i32) (param $out i32)
      (param $scale f32) (param $perError f32) (param $perNorm f32) (param $floor f32)
      (result i32)
    (local $from i32) (local $to i32) (local $end i32) (local $stride i32) (local $index i32) (local $row i32)
    (local $a i32) (local $b i32) (local $aEnd i32) (local $aEnd4 i32)
    (local $s0 v128) (local $s1 v128) (local $bound f32)
    (local.set $from (local.get $list))
    (local.set $to (local.get $kept))
    (local.set $end (i32.add (local.get $list) (i32.shl (local.get $count) (i32.const 2))))
    (local.set $stride (i32.add (local.get $bytes) (i32.const 16)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
        (local.set $index (i32.load (local.get $from)))
        (local.set $row (i32.add (local.get $rows) (i32.mul (local.get $index) (local.get $stride))))
        (local.set $a (i32.add (local.get $row) (i32.const 16)))
        (local.set $b (local.get $query))
        (local.set $aEnd (i32.add (local.get $a) (local.get $bytes)))
        (local.set $aEnd4 (i32.add (local.get $a) (i32.and (local.get $bytes) (i32.const -32))))
        (local.set $s0 (v128.const i32x4 0 0 0 0))
        (local.set $s1 (v128.const i32x4 0 0 0 0))
        (block $rest
          (loop $four
            (br_if $rest (i32.ge_u (local.get $a) (local.get $aEnd4)))
            (local.set $s0 (i32x4.add (local.get $s0)
              (i32x4.dot_i16x8_s (v128.load8x8_s (local.get $a)) (v128.load (local.get $b)))))
            (local.set $s1 (i32x4.add (local.get $s1)
              (i32x4.dot_i16x8_s (v128.load8x8_s offset=8 (local.get $a)) (v128.load offset=16 (local.get $b)))))
            (local.set $s0 (i32x4.add (local.get $s0)
              (i32x4.dot_i16x8_s (v128.load8x8_s offset=16 (local.get $a)) (v128.load offset=32 (local.get $b)))))
            (local.set $s1 (i32x4.add (local.get $s1)
              (i32x4.dot_i16x8_s (v128.load8x8_s offset=24 (local.get $a)) (v128.load offset=48 (local.get $b)))))
            (local.set $a (i32.add (local.get $a) (i32.const 32)))
            (local.set $b (i32.add (local.get $b) (i32.const 64)))
            (br $four)))
        (block $summed
          (loop $one
            (br_if $summed (i32.ge_u (local.get $a) (local.get $aEnd)))
            (local.set $s0 (i32x4.add (local.get $s0)
              (i32x4.dot_i16x8_s (v128.load8x8_s (local.get $a)) (v128.load (local.get $b)))))
            (local.set $a (i32.add (local.get $a) (i32.const 8)))
            (local.set $b (i32.add (local.get $b) (i32.const 16)))
            (br $one)))
        (local.set $s0 (i32x4.add (local.get $s0) (local.get $s1)))
        (local.set $s0 (i32x4.add (local.get $s0)
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $s0) (local.get $s0))))
        (local.set $bound
          (f32.add
            (f32.mul
              (f32.mul (local.get $scale) (f32.load (local.get $row)))
              (f32.convert_i32_s
                (i32.add (i32x4.extract_lane 0 (local.get $s0)) (i32x4.extract_lane 1 (local.get $s0)))))
            (f32.add
              (f32.mul (local.get $perError) (f32.load offset=4 (local.get $row)))
              (f32.mul (local.get $perNorm) (f32.load offset=8 (local.get $row))))))
        (local.set $from (i32.add (local.get $from) (i32.const 4)))
        ;; A bound that is no number (a norm overflowed) is not below anything.
        (br_if $next (f32.lt (local.get $bound) (local.get $floor)))
        (i32.store (local.get $to) (local.get $index))
        (f32.store
          (i32.add (local.get $out) (i32.sub (local.get $to) (local.get $kept)))
          (local.get $bound))
        (local.set $to (i32.add (local.get $to) (i32.const 4)))
        (br $next)))
    (i32.shr_u (i32.sub (local.get $to) (local.get $kept)) (i32.const 2))))
