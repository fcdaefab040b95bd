// The drill's stock image on an emulated STM32F405, joined to a running gateway by a
// pseudo-terminal: a release key is pinned by a hand on the trigger, an update arrives over a power
// cut, is tried and kept, and nothing older comes after it; all by `tenfold command`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readImage, stockFolder } from '../../firmware/flash/images.ts'
import { buildRelease } from '../../firmware/release.ts'
import { writeRelease } from '../../firmware/release-file.ts'
import { run } from '../../gateway/cli/command.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import type { UpdateJob } from '../../gateway/core/update.ts'
import { compilerInstalled, drill } from '../boards/stand.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import type { Stm32 } from '../emu/stm32f405.ts'
import { sleep, socatInstalled } from '../serial/wire.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { type Stm32Flash, stm32 } from '../signing/chips.ts'
import { release as signer } from '../signing/slots.ts'
import { JoinedBoard } from './joined.ts'

const { profile, machines } = drill()

const ready = compilerInstalled() && socatInstalled()

describe.runIf(ready)('a drill joined to a gateway', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-updates-'))
  let board: JoinedBoard<Stm32, Stm32Flash>
  let gateway: GatewayProcess
  let io: TestIo
  let files: { older: string; good: string }

  const fileOf = async (version: number): Promise<string> => {
    const made = await buildRelease({
      ...{ profile, version, loops: machines.loops, path: process.env['PATH'] },
      ...{ board: stm32.board, profileDigest: profileDigest(profile) },
      ...{ publicKey: signer.publicKey, sign: (message) => signer.sign(message) },
    })
    const path = join(folder, `${version}.signed`)
    writeFileSync(path, writeRelease(made))
    return path
  }
  beforeAll(async () => {
    // Before the board runs: a build holds this process up, and the board with it.
    files = { older: await fileOf(1), good: await fileOf(2) }
    const stock = readImage(join(stockFolder, 'cordless-drill-stm32f405.json')).files.get('bin')
    board = new JoinedBoard(stm32, stm32.newFlash(stock ?? new Uint8Array()))
    await board.start()
    const set = { 'sources.serial': JSON.stringify({ ports: [{ path: board.wire.path }] }) }
    gateway = await startGatewayProcess({ data: folder, set })
    io = await testIo()
    await until(async () => ((await summary())?.readings ?? 0) > 2)
  }, 600_000)
  afterAll(async () => {
    await gateway?.stop()
    await board?.stop()
    await io?.remove()
    rmSync(folder, { recursive: true, force: true })
    for (const pin of stm32.power) expect(board?.rose.has(pin), `pin ${pin}`).toBe(false)
  })

  const until = async (check: () => Promise<boolean> | boolean): Promise<void> => {
    while (!(await check())) await sleep(100)
  }
  const get = async <T>(path: string): Promise<T> =>
    (await fetch(new URL(path, gateway.pageUrl))).json() as Promise<T>
  const summary = async (): Promise<UnitSummary | undefined> =>
    (await get<{ units: UnitSummary[] }>('api/units')).units.at(0)
  const command = async (...args: string[]): Promise<string> => {
    io.lines.length = 0
    const { unit = '' } = (await summary()) ?? {}
    await run([unit, ...args, '--gateway', gateway.pageUrl], io)
    return io.lines.join('\n')
  }
  /** In its first second a machine does not know yet that it rests; a hand must stay for one. */
  const atRest = async (): Promise<void> => {
    const at = board.chip.cycles + 2.5 * stm32.hz
    await until(() => board.chip.cycles > at)
  }
  const powerUp = async (): Promise<void> => {
    const { boot = 0 } = (await summary()) ?? {}
    board.powerUp()
    await until(async () => ((await summary())?.boot ?? 0) > boot)
    await atRest()
  }

  test('pins a key by a hand, takes an update over a power cut, and keeps it', async () => {
    await expect(command('update', files.good)).rejects.toMatchObject({ code: 'update_no_key' })
    board.cutPower()
    board.isPulled = true
    await powerUp()
    expect(await command('trust', signer.did)).toMatch(/takes releases/)
    board.isPulled = false

    await atRest()
    const updating = command('update', files.good)
    const isSending = async (): Promise<boolean> => {
      const { unit } = (await summary()) ?? {}
      return ((await get<UpdateJob | null>(`api/units/${unit}/update`))?.sent ?? 0) > 2000
    }
    await Promise.race([until(isSending), updating])
    const { cuts } = board
    board.cutAt = board.flash.operations + 20
    await until(() => board.cuts > cuts)
    await sleep(1000)
    board.powerUp()
    expect(await updating).toMatch(/runs version 2, and keeps it/)
    board.cutPower()
    await powerUp()
    await expect(command('update', files.older)).rejects.toMatchObject({ code: 'update_old' })
  }, 600_000)
})
