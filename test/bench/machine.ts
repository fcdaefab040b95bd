// What a figure was measured on: printed beside every figure, since without it none means anything.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Milliseconds of one fdatasync after a 4 KiB append, half of 200 are faster. */
export const fsyncP50Ms = (): number => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-bench-'))
  const file = openSync(join(folder, 'file'), 'w')
  const block = Buffer.alloc(4096)
  const times = Array.from({ length: 200 }, () => {
    writeSync(file, block)
    const start = performance.now()
    fdatasyncSync(file)
    return performance.now() - start
  })
  closeSync(file)
  rmSync(folder, { recursive: true })
  return median(times)
}

/** One line: processor, cores, memory, Node, fsync. */
export const machineLine = (): string => {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const gib = Math.round(totalmem() / 2 ** 30)
  const fsync = fsyncP50Ms().toFixed(3)
  return `${cpus().length} x ${model}, ${gib} GiB, Node ${process.version}, fsync p50 ${fsync} ms`
}
