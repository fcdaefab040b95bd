// The pieces under `tenfold flash`: the mount table, Intel HEX, and the real dfu-util and openocd
// on a machine with no board: what they say is understood, and reaches the person.
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadBoard } from '../../firmware/boards.ts'
import { fromHex, toHex } from '../../firmware/flash/hex.ts'
import { parseMounts, realOutside } from '../../firmware/flash/outside.ts'
import { findTargets } from '../../firmware/flash/targets.ts'
import { flash } from '../../firmware/flash/write.ts'
import { operatingError } from '../../gateway/core/errors.ts'

const path = process.env['PATH']
const installed = (tool: string, version: string): boolean => {
  try {
    execFileSync(tool, [version], { stdio: 'ignore' })
    return true
  } catch {
    const reason = `${tool} is not installed (Debian: apt-get install ${tool})`
    if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
    console.log(`skipped: ${reason}`)
    return false
  }
}
const dfuUtil = installed('dfu-util', '-V')
const openocd = installed('openocd', '-v')

test('drives are read from the mount table, blanks in their names as well', () => {
  const text = [
    'proc /proc proc rw 0 0',
    '/dev/sda1 /media/maker/RPI-RP2 vfat rw,nosuid 0 0',
    '/dev/sdb /media/maker/MY\\040DRIVE vfat rw 0 0',
    '/dev/vda / ext4 rw 0 0',
    '',
  ]
  expect(parseMounts(text.join('\n'))).toEqual(['/media/maker/RPI-RP2', '/media/maker/MY DRIVE'])
})

test('what this machine has mounted is readable', () => {
  expect(Array.isArray(realOutside(path).mounts())).toBe(true)
})

test('raw bytes come back from HEX, blank lines left out or not', () => {
  const pieces = fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(blank)))
  fc.assert(
    fc.property(pieces, fc.nat(0xffff), (parts, at) => {
      const bytes = Uint8Array.from([7, ...parts.flatMap((part) => [...part]), 9])
      const back = fromHex(toHex(bytes, 0x0800_0000 + 16 * at, new Set([32])))
      expect(back).toEqual({ image: bytes, at: 0x0800_0000 + 16 * at })
    }),
  )
})
const blank = new Uint8Array(70).fill(0xff)

test('damage anywhere in a HEX file is found', () => {
  const good = ':020000040000FA\n:0400000001020304F2\n:00000001FF\n'
  expect(fromHex(Buffer.from(good))).toEqual({ image: Uint8Array.of(1, 2, 3, 4), at: 0 })
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.constantFrom(...'0123456789ABCDEF'), (at, digit) => {
      if (good[at] === digit || good[at] === '\n' || good[at] === ':') return
      const broken = good.slice(0, at) + digit + good.slice(at + 1)
      expect(() => fromHex(Buffer.from(broken))).toThrow(RangeError)
    }),
  )
})

test.runIf(dfuUtil)('the real dfu-util finds no board here', async () => {
  const wanted = { boards: [loadBoard('stm32f405')], method: 'dfu' } as const
  const { targets } = await findTargets(wanted, realOutside(path))
  expect(targets).toEqual([])
})

test('without dfu-util it says how to install it, where that way was asked for', async () => {
  const boards = [loadBoard('stm32f405')]
  const outside = realOutside('/nowhere')
  expect((await findTargets({ boards }, outside)).targets).toEqual([])
  const error = await findTargets({ boards, method: 'dfu' }, outside).catch((e: unknown) => e)
  expect(operatingError(error)?.remedy).toMatch(/apt-get install --no-install-recommends dfu-util/)
})

test.runIf(openocd)('the real openocd takes our command line, and its answer arrives', async () => {
  const outside = realOutside(path)
  const wanted = { boards: [loadBoard('stm32f405')], method: 'openocd' } as const
  const [target] = (await findTargets(wanted, outside)).targets
  if (target === undefined) throw new Error('no probe')
  const payload = { name: 'x', files: new Map([['bin', Uint8Array.of(1, 2, 3, 4)]]) }
  const error = await flash({ target, payload, outside, progress: () => {} }).catch((e) => e)
  expect(operatingError(error)?.code).toBe('flash_refused')
  expect(operatingError(error)?.message).toMatch(/open failed|unable to open|Error/)
})
