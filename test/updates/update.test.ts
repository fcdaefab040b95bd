// The drill's stock image on an emulated Pico, joined to a running gateway by a pseudo-terminal.
// Everything that a person asks of it goes by `tenfold command`: a release key is pinned by a hand
// on the trigger, its own key is made and proven, an update arrives over a power cut, is tried and
// kept; a silent image goes back by itself. No pin that can move the machine ever rises.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stockFolder } from '../../firmware/flash/images.ts'
import { buildRelease, type Release } from '../../firmware/release.ts'
import { writeRelease } from '../../firmware/release-file.ts'
import { signImage } from '../../firmware/signed-image.ts'
import { fromUf2 } from '../../firmware/uf2.ts'
import { run } from '../../gateway/cli/command.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import type { StoredEvent, UnitSummary } from '../../gateway/core/queries.ts'
import type { ReleaseFace, UpdateJob } from '../../gateway/core/update.ts'
import { compilerInstalled, drill } from '../boards/stand.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { sleep, socatInstalled } from '../serial/wire.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { board, newFlash, release as signer, slotImage, stranger } from '../signing/slots.ts'
import { JoinedPico } from './joined.ts'

const ready = compilerInstalled() && socatInstalled()
const unit = 'cordless-drill-e6605838832d912a'
const { profile, machines } = drill()

const releaseOf = (version: number, by = signer): Promise<Release> =>
  buildRelease({
    ...{ profile, board, version, loops: machines.loops, path: process.env['PATH'] },
    profileDigest: profileDigest(profile),
    ...{ publicKey: by.publicKey, sign: (message) => by.sign(message) },
  })

describe.runIf(ready)('a drill joined to a gateway', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-updates-'))
  let pico: JoinedPico
  let gateway: GatewayProcess
  let io: TestIo
  let first: Release
  let files: { stranger: string; silent: string; good: string }

  beforeAll(async () => {
    // All of it before the board runs: a build holds this process up, and the board with it.
    first = await releaseOf(1)
    files = {
      stranger: fileOf('stranger', writeRelease(await releaseOf(2, stranger))),
      silent: fileOf('silent', silentRelease(2)),
      good: fileOf('good', writeRelease(await releaseOf(3))),
    }
    const stock = readFileSync(join(stockFolder, 'cordless-drill-rp2040-pico.uf2'))
    pico = new JoinedPico(newFlash(fromUf2(stock).image))
    await pico.start()
    const set = { 'sources.serial': JSON.stringify({ ports: [{ path: pico.wire.path }] }) }
    gateway = await startGatewayProcess({ data: folder, set })
    io = await testIo()
    await until(async () => ((await summary())?.readings ?? 0) > 2)
  }, 600_000)
  afterAll(async () => {
    await gateway?.stop()
    await pico?.stop()
    await io?.remove()
    rmSync(folder, { recursive: true, force: true })
    for (const pin of [2, 3, 5]) expect(pico?.rose.has(pin), `GP${pin}`).toBe(false)
  })

  const until = async (check: () => Promise<boolean> | boolean): Promise<void> => {
    while (!(await check())) await sleep(100)
  }
  const get = async <T>(path: string): Promise<T> =>
    (await fetch(new URL(path, gateway.pageUrl))).json() as Promise<T>
  const summary = async (): Promise<UnitSummary | undefined> =>
    (await get<{ units: UnitSummary[] }>('api/units')).units.find((one) => one.unit === unit)
  const events = (): Promise<StoredEvent[]> => get(`api/units/${unit}/events?limit=100`)
  const command = async (...args: string[]): Promise<string> => {
    io.lines.length = 0
    await run([unit, ...args, '--gateway', gateway.pageUrl], io)
    return io.lines.join('\n')
  }
  /** In its first second a machine does not know yet that it rests; a hand must stay for one. */
  const atRest = async (): Promise<void> => {
    const at = pico.pico.cycles + 2500 * 125_000
    await until(() => pico.pico.cycles > at)
  }
  const fileOf = (name: string, content: Uint8Array): string => {
    const path = join(folder, `${name}.signed`)
    writeFileSync(path, content)
    return path
  }
  /** A signed release whose image for slot B says nothing that a gateway hears. */
  const silentRelease = (version: number): Uint8Array => {
    const { manifest } = first
    const text = `${JSON.stringify({ ...manifest, silent: version })}\n`
    const sign = (image: Uint8Array, slot: 0 | 1): Uint8Array =>
      signImage(
        image,
        {
          ...{ slot, version, board: manifest.board, machine: manifest.machine },
          manifest: createHash('sha256').update(text).digest(),
          profile: Uint8Array.from(Buffer.from(manifest.digests.profile, 'hex')),
        },
        (message) => signer.sign(message),
      )
    const [a, b] = [slotImage(0, ['-DHANGS']), slotImage(1, ['-DHANGS'])]
    return writeRelease({ a: sign(a, 0), b: sign(b, 1), text })
  }

  test('makes its key when it is told to, and is asked to prove it', async () => {
    const said = await command('make-key')
    expect(said).toMatch(/signs with did:key:z6Mk/)
    expect(said).toMatch(/custody {2}extractable/)
    await until(async () => (await events()).some(({ type }) => type === 'key_proven'))
    const { key, custody, proof } = (await summary()) ?? {}
    expect(said).toContain(key)
    expect([custody, proof?.proven]).toEqual(['controller_flash', true])
    await expect(command('make-key')).rejects.toMatchObject({ code: 'key_there' })
  }, 600_000)

  test('shows that it is genuine when a person asks', async () => {
    const said = await command('challenge')
    expect(said).toContain('is genuine')
    expect(said).toContain((await summary())?.key)
    await until(async () => (await events()).some(({ cause }) => cause === 'challenge'))
  }, 600_000)

  test('takes no update before a key is pinned, and that only by a hand on the trigger', async () => {
    await expect(command('update', files.good)).rejects.toMatchObject({ code: 'update_no_key' })
    await atRest()
    await expect(command('trust', signer.did)).rejects.toMatchObject({ code: 'trust_absent' })
    // Pulled while it runs, it would start: the hand is there before the power.
    const { boot = 0 } = (await summary()) ?? {}
    pico.cutPower()
    pico.isPulled = true
    pico.powerUp()
    await until(async () => ((await summary())?.boot ?? 0) > boot)
    await atRest()
    expect(await command('trust', signer.did)).toMatch(/takes releases/)
    pico.isPulled = false
  }, 600_000)

  test('refuses what is not for it, in words', async () => {
    await expect(command('update', files.stranger)).rejects.toMatchObject({
      code: 'update_signature',
    })
    const broken = fileOf('broken', writeRelease(first).slice(0, -1))
    await expect(command('update', broken)).rejects.toMatchObject({ code: 'image_wrong' })
    // As the pages ask before they send anything.
    const check = async (file: string): Promise<ReleaseFace> => {
      const body = JSON.stringify({ release: readFileSync(file, 'base64'), check: true })
      const headers = { 'content-type': 'application/json' }
      const url = new URL(`api/units/${unit}/update`, gateway.pageUrl)
      return (await fetch(url, { method: 'POST', headers, body })).json() as Promise<ReleaseFace>
    }
    const good = await check(files.good)
    expect(good).toMatchObject({ version: 3, running: 0, signer: signer.did })
    expect(good.refusal).toBeUndefined()
    const other = await check(files.stranger)
    expect([other.signer, other.refusal?.code]).toEqual([stranger.did, 'update_signature'])
    await expect(command('trust', signer.did)).resolves.toMatch(/takes releases/)
    await expect(command('trust', stranger.did)).rejects.toMatchObject({ code: 'trust_pinned' })
  }, 600_000)

  test('goes back by itself from an image that nobody hears', async () => {
    await expect(command('update', files.silent)).rejects.toMatchObject({ code: 'update_reverted' })
    await until(async () => (await events()).some(({ cause }) => /update_reverted/.test(cause)))
  }, 600_000)

  test('takes an update over a power cut in the middle, tries it and keeps it', async () => {
    await atRest()
    const updating = command('update', files.good)
    const isSending = async (): Promise<boolean> =>
      ((await get<UpdateJob | null>(`api/units/${unit}/update`))?.sent ?? 0) > 2000
    await Promise.race([until(isSending), updating])
    const { cuts } = pico
    pico.cutAt = pico.flash.operations + 20
    await until(() => pico.cuts > cuts)
    await sleep(1000)
    pico.powerUp()
    const said = await updating
    expect(said).toMatch(/runs version 3, and keeps it/)
    // It is kept over a power-up, and nothing older comes any more.
    const { boot = 0 } = (await summary()) ?? {}
    pico.cutPower()
    pico.powerUp()
    await until(async () => ((await summary())?.boot ?? 0) > boot)
    const old = fileOf('old', writeRelease(first))
    await expect(command('update', old)).rejects.toMatchObject({ code: 'update_old' })
    const kinds = (await events()).filter(({ type }) => type === 'command_accepted')
    expect(kinds.map(({ cause }) => cause)).toContain('update: version_3')
  }, 600_000)
})

test.runIf(ready)(
  'nothing waits for a unit that is away',
  async () => {
    const data = mkdtempSync(join(tmpdir(), 'tenfold-updates-'))
    const gateway = await startGatewayProcess({ data, set: {} })
    const io = await testIo()
    try {
      const ask = (...args: string[]) => run([unit, ...args, '--gateway', gateway.pageUrl], io)
      await expect(ask('make-key')).rejects.toMatchObject({ code: 'unit_silent' })
      await expect(ask('trust', signer.did)).rejects.toMatchObject({ code: 'unit_silent' })
      writeFileSync(join(data, 'x.signed'), 'nothing')
      await expect(ask('update', join(data, 'x.signed'))).rejects.toMatchObject({
        code: 'image_wrong',
      })
    } finally {
      await gateway.stop()
      await io.remove()
      rmSync(data, { recursive: true, force: true })
    }
  },
  60_000,
)
