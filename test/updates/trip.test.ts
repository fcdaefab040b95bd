// `tenfold command reset-trip` with the drill's stock image on an emulated Pico, joined to a running
// gateway by a pseudo-terminal: the latched trip is cleared by its name and by no other, not while
// the hand pulls, and nothing moves by it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stockFolder } from '../../firmware/flash/images.ts'
import { causeCodes, causeKinds, causeName } from '../../firmware/kernel-constants.ts'
import { fromUf2 } from '../../firmware/uf2.ts'
import { run } from '../../gateway/cli/command.ts'
import type { StoredEvent } from '../../gateway/core/queries.ts'
import { pin } from '../boards/pins.ts'
import { drill } from '../boards/stand.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { sleep, socatInstalled } from '../serial/wire.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { newFlash } from '../signing/slots.ts'
import { JoinedPico } from './joined.ts'

const unit = 'cordless-drill-e6605838832d912a'
const latched = 'over_current: motor_current'

test('every trip has a code that its name gives back', () => {
  const { safety } = drill().profile
  if (safety === undefined) throw new Error('no safety')
  for (const kind of Object.values(causeKinds).filter((one) => one !== 0)) {
    for (const place of [0, 1, 2, 3]) {
      const code = kind + (place << 5)
      expect(causeCodes(causeName(code, safety), safety)).toContain(code)
    }
  }
  for (const name of ['', 'none', 'over_current: nothing']) {
    expect(causeCodes(name, safety)).toEqual([])
  }
})

describe.runIf(socatInstalled())('a drill joined to a gateway', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-trip-'))
  let pico: JoinedPico
  let gateway: GatewayProcess
  let io: TestIo

  beforeAll(async () => {
    const uf2 = readFileSync(join(stockFolder, 'cordless-drill-rp2040-pico.uf2'))
    pico = new JoinedPico(newFlash(fromUf2(uf2).image))
    await pico.start()
    const set = { 'sources.serial': JSON.stringify({ ports: [{ path: pico.wire.path }] }) }
    gateway = await startGatewayProcess({ data: folder, set })
    io = await testIo()
  }, 60_000)
  afterAll(async () => {
    await gateway?.stop()
    await pico?.stop()
    await io?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  const until = async (check: () => Promise<boolean> | boolean): Promise<void> => {
    while (!(await check())) await sleep(100)
  }
  const emulated = (milliseconds: number): Promise<void> => {
    const at = pico.pico.cycles + milliseconds * 125_000
    return until(() => pico.pico.cycles > at)
  }
  const causes = async (type: string): Promise<string[]> => {
    const reply = await fetch(new URL(`api/units/${unit}/events?limit=100`, gateway.pageUrl))
    if (!reply.ok) return []
    const events = (await reply.json()) as StoredEvent[]
    return events.filter((one) => one.type === type).map(({ cause }) => cause)
  }
  const reset = (cause: string): Promise<number> =>
    run([unit, 'reset-trip', ...cause.split(' '), '--gateway', gateway.pageUrl], io)
  const gate = (): boolean => pico.pico.level(pin.gate)

  test('clears the trip that is named, and nothing else', async () => {
    await emulated(4500)
    pico.isPulled = true
    await until(gate)
    pico.currentCounts = 3500
    await until(() => !gate())
    pico.currentCounts = 2048
    await until(async () => (await causes('kernel_tripped')).some((one) => one.startsWith(latched)))

    await expect(reset(latched)).rejects.toMatchObject({ code: 'trip_held' })
    pico.isPulled = false
    await emulated(500)
    await expect(reset('dead_man: nobody')).rejects.toMatchObject({ code: 'trip_unknown' })
    await expect(reset('overrun')).rejects.toMatchObject({ code: 'trip_other' })
    expect(await reset(latched)).toBe(0)
    expect(io.lines.join('\n')).toContain(`has cleared its trip (${latched})`)
    await expect(reset(latched)).rejects.toMatchObject({ code: 'trip_other' })
    expect(gate()).toBe(false)
    await until(async () => (await causes('command_accepted')).includes('reset_trip'))
    expect(await causes('command_refused')).toContain('reset_trip: trip_held')
    // It arms itself again when its control was at rest for a while.
    await emulated(2500)
    pico.isPulled = true
    await until(gate)
    pico.isPulled = false
  }, 300_000)

  test('asks nothing of a unit that is away', async () => {
    await pico.stop()
    const away = ['drill-none', 'reset-trip', latched, '--gateway', gateway.pageUrl]
    await expect(run(away, io)).rejects.toMatchObject({ code: 'unit_silent' })
  })
})
