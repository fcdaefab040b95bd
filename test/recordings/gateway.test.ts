// The drill's image on an emulated Pico trips on a fault, and its recording comes to a real gateway
// over a real pseudo-terminal: the gateway is killed in the middle, the plug is pulled, the board's
// power is cut, bytes are flipped and doubled. What is kept is what lies in the board's flash, and
// `tenfold replay-fault` runs it from there with the same outputs.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { recordingsIn } from '../../firmware/twin/black-box.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { type CborMap, decodeCbor } from '../../gateway/attestation/cbor.ts'
import type { KeptRecording, StoredEvent } from '../../gateway/core/queries.ts'
import { FrameReader } from '../../gateway/sources/serial/frame.ts'
import { toBoard } from '../../gateway/sources/serial/messages.ts'
import { keptIn, shelfOf } from '../../gateway/sources/serial/shelf.ts'
import { pin } from '../boards/pins.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { testIo } from '../cli/io.ts'
import type { W25q } from '../emu/w25q.ts'
import { sleep, socatInstalled, type Wire } from '../serial/wire.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { newFlash } from '../signing/slots.ts'
import { JoinedPico } from '../updates/joined.ts'

const ready = compilerInstalled() && socatInstalled()
const unit = 'cordless-drill-e6605838832d912a'
const ms = 125_000
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const until = async (check: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await check())) await sleep(20)
}

/** Armed, pulled, and stopped by its kernel; the hand lets go. */
const trip = async (board: JoinedPico): Promise<void> => {
  const gate = (): boolean => board.pico.level(pin.gate)
  const armed = board.pico.cycles + 4500 * ms
  await until(() => board.pico.cycles > armed)
  board.isPulled = true
  await until(gate)
  board.currentCounts = 3500
  await until(() => !gate())
  board.currentCounts = 2048
  board.isPulled = false
}

const boxAt = 0x1c0000
const boxBytes = 0x20000
const inFlash = (flash: W25q): Uint8Array => flash.cells.subarray(boxAt, boxAt + boxBytes)

/** Where parts were asked for, in the order in which they were. */
const askedOf = (wire: Wire): number[] => {
  const asked: number[] = []
  const reader = new FrameReader()
  wire.spoil = (bytes, towards) => {
    if (towards !== 'board') return bytes
    reader.push(bytes, ({ kind, body }) => {
      if (kind !== toBoard.askBlackBox) return
      const map = decodeCbor(body) as CborMap
      if (map.get(1) === 1) asked.push(Number(map.get(3)))
    })
    return bytes
  }
  return asked
}

/** Bytes of it that are there and not whole yet. */
const begun = (data: string): number => {
  const folder = join(shelfOf(data), unit)
  const name = existsSync(folder) && readdirSync(folder).find((one) => one.endsWith('.part'))
  try {
    return name ? statSync(join(folder, name)).size : 0
  } catch {
    return 0
  }
}

test.runIf(ready)(
  'a recording comes whole over kills, cuts and damage, and is replayed from the gateway',
  async () => {
    const { bin } = await imageOf(drill(), 'rp2040-pico', 'machine')
    const board = new JoinedPico(newFlash(bin))
    await board.start()
    stops.push(() => board.stop())
    const data = mkdtempSync(join(tmpdir(), 'tenfold-recordings-'))
    stops.push(() => rmSync(data, { recursive: true, force: true }))
    const start = async (): Promise<GatewayProcess> => {
      const set = { 'sources.serial': JSON.stringify({ ports: [{ path: board.wire.path }] }) }
      const started = await startGatewayProcess({ data, set })
      stops.push(() => started.kill())
      return started
    }
    let asked = askedOf(board.wire)
    await trip(board)
    await until(() => recordingsIn(inFlash(board.flash)).length === 1)

    let gateway = await start()
    await until(() => begun(data) > 3000)
    await gateway.kill()
    const there = begun(data) - (begun(data) % 256)
    expect(await keptIn(shelfOf(data))).toEqual([])

    asked = askedOf(board.wire)
    gateway = await start()
    await until(() => begun(data) > there + 3000)
    expect(asked[0]).toBe(there)
    await board.wire.unplug()
    board.cutPower()
    await sleep(300)
    board.powerUp()
    await board.wire.plug()
    const afterPlug = begun(data)
    await until(() => begun(data) > afterPlug + 3000)
    expect(Math.min(...asked)).toBe(there)

    const random = seeded(9)
    board.wire.spoil = (bytes) => {
      if (random() > 0.05) return bytes
      const spoilt = Buffer.from(bytes)
      const at = Math.floor(random() * spoilt.length)
      if (random() < 0.5) spoilt[at] = (spoilt[at] as number) ^ (1 << Math.floor(random() * 8))
      return random() < 0.5 ? spoilt : Buffer.concat([spoilt, spoilt.subarray(at)])
    }
    const spoilt = begun(data)
    await until(async () => begun(data) > spoilt + 3000 || (await keptIn(shelfOf(data))).length > 0)
    asked = askedOf(board.wire)
    await until(async () => (await keptIn(shelfOf(data))).some(({ isTold }) => isTold))

    const [kept] = await keptIn(shelfOf(data))
    const bytes = readFileSync(kept?.file ?? '')
    expect(Buffer.compare(bytes, inFlash(board.flash).subarray(0, bytes.length))).toBe(0)
    const get = async <T>(path: string): Promise<T> =>
      (await fetch(new URL(`api/units/${unit}/${path}`, gateway.pageUrl))).json() as Promise<T>
    const recorded = async (): Promise<StoredEvent[]> =>
      (await get<StoredEvent[]>('events?limit=100')).filter(({ type }) => type === 'fault_recorded')
    await until(async () => (await recorded()).length > 0)
    const cause = 'over_current: motor_current'
    expect((await recorded()).map((one) => one.cause)).toEqual([
      `${cause}, recording 1, of boot 1, SHA-256 ${kept?.digest}`,
    ])
    expect(await get<KeptRecording[]>('recordings')).toMatchObject([{ number: 1, boot: 1, cause }])

    const io = await testIo()
    stops.push(() => io.remove())
    expect(await io.tenfold('recordings', '--data', data)).toBe(0)
    expect(io.lines.at(-1)).toMatch(new RegExp(`${unit}  recording 1, boot 1  ${cause}$`))
    expect(await io.tenfold('replay-fault', '--unit', unit, '--data', data)).toBe(0)
    const said = io.lines.join('\n')
    expect(said).toContain('kernel: armed -> tripped (over_current: motor_current)')
    expect(said).toMatch(
      /^same: outputs and all that the kernel said, bit for bit, in \d{4} steps$/m,
    )
    expect(await gateway.stop()).toBe(0)
    expect(board.rose.has(pin.gate)).toBe(true)
  },
  300_000,
)
