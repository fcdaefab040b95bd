// A reader in a thread of its own: checks what it reads and says how much, until told the end.
import { parentPort, workerData } from 'node:worker_threads'
import { realFiles } from '../../gateway/log/files.ts'
import { openReader } from '../../gateway/log/reader.ts'
import { bodyOf } from './rig.ts'

const { folder, head, count } = workerData as {
  folder: string
  head: SharedArrayBuffer
  count: number
}
const reader = openReader(realFiles(), folder, head)
const faults: string[] = []
let next = 0
while (next < count) {
  await reader.wait(next, 1000)
  const batch = reader.read(next, { records: 1000, bytes: 1e6 })
  for (const { offset, body } of batch.records) {
    if (!bodyOf(offset).equals(body)) faults.push(`offset ${offset}`)
  }
  faults.push(...batch.gaps.map((gap) => JSON.stringify(gap)))
  next = batch.next
}
reader.close()
parentPort?.postMessage({ next, faults })
