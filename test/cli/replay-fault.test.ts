// `tenfold replay-fault` with files that have no recording: what it says and what to do. What it
// does with one is tested in test/boards, where an emulated board makes it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recordingsIn } from '../../firmware/twin/black-box.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { testIo } from './io.ts'

test('no file, a file that is not there, a file without a recording', async () => {
  const io = await testIo()
  try {
    expect(await io.tenfold('replay-fault')).not.toBe(0)
    expect(await io.tenfold('replay-fault', 'none.bin')).not.toBe(0)
    expect(io.errors.join('\n')).toMatch(/cannot read .*none\.bin/)
    writeFileSync(join(io.cwd, 'blank.bin'), new Uint8Array(8192).fill(255))
    expect(await io.tenfold('replay-fault', 'blank.bin', '--recording', '3')).not.toBe(0)
    expect(io.errors.join('\n')).toMatch(/no recording 3 that is whole; there are: none/)
  } finally {
    await io.remove()
  }
})

test('whatever lies in a flash, it is read to its end', () => {
  const random = seeded(3)
  for (let round = 0; round < 200; round += 1) {
    const flash = Uint8Array.from({ length: 8192 }, () => Math.floor(random() * 256))
    const view = new DataView(flash.buffer)
    const words = [0x58424654, 1, 320, 1, 1, 2, 0, 10_000]
    for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true)
    expect(recordingsIn(flash)).toEqual([])
  }
})
