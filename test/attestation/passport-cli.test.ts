// `tenfold passport` on the store of a real gateway: a unit's entries arrive over MQTT, the
// passport is written beside the running gateway and once more after it stopped, and `tenfold
// verify` judges it.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UnitKeyHolder } from '../../gateway/attestation/holder.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { profilesOf } from '../../gateway/cli/serve.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { connectUnit } from '../../gateway/mqtt/client.ts'
import { topicOf } from '../../hardware-profiles/names.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { freePort, type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { digest, fixedRandom, MemoryHolderStore } from './world.ts'

let io: TestIo
let gateway: GatewayProcess | undefined
beforeEach(async () => {
  io = await testIo()
})
afterEach(async () => {
  await gateway?.kill()
  gateway = undefined
  await io.remove()
})

const unit = 'drill-7'

/** What a drill sends over its first days, hello first. */
const lifeOf = (machine: string, profile: string) => {
  const signer = signerOfSeed(digest(unit))
  const holder = new UnitKeyHolder({
    ...{ signer, store: new MemoryHolderStore(), random: fixedRandom(unit) },
  })
  const hello = { boot: 1, t: 0, key: signer.did, custody: 'controller_flash', profile }
  const entries = [
    holder.enrol({
      ...{ boot: 1, timeUs: 1, counters: { starts: 0 } },
      enrolment: {
        ...{ machine, serial: 'x9', custody: 'controller_flash', simulated: false },
        ...{ profile: Uint8Array.from(Buffer.from(profile, 'hex')), firmware: digest('f') },
      },
    }),
    ...[5, 9].map((starts) =>
      holder.compose({ type: 'usage', boot: 1, timeUs: starts, counters: { starts } }),
    ),
  ]
  return { did: signer.did, hello: JSON.stringify(hello), entries }
}

test('passport and verify, beside a running gateway and after it', async () => {
  const data = join(io.cwd, 'data')
  const mqttPort = await freePort()
  await mkdir(data)
  gateway = await startGatewayProcess({ data, mqttPort })
  const profile = profilesOf()[0]
  if (profile === undefined) throw new Error('the project has a machine file')
  const life = lifeOf(profile.machine, profileDigest(profile))
  const topic = (kind: 'hello' | 'entry') => topicOf({ machine: profile.machine, unit, kind })
  const link = await connectUnit({ url: `mqtt://127.0.0.1:${mqttPort}`, clientId: unit })
  await link.publish(topic('hello'), life.hello)
  for (const entry of life.entries) await link.publish(topic('entry'), entry)
  await link.stop()

  const passport = () => io.tenfold('passport', unit, '--data', 'data', '--trust', 'trust.txt')
  await expect
    .poll(async () => [await passport(), io.lines.at(-1)], { timeout: 30_000, interval: 200 })
    .toEqual([0, expect.stringContaining(': 3 entries')])
  const beside = await readFile(join(io.cwd, `${unit}.passport.json`), 'utf8')
  expect(await io.tenfold('verify', `${unit}.passport.json`, '--trust', 'trust.txt')).toBe(0)
  expect(io.lines.join('\n')).toMatch(/^VALID: nothing left out of log /m)
  expect(await readFile(join(io.cwd, 'trust.txt'), 'utf8')).toContain(`unit ${life.did}\n`)
  expect(await io.tenfold('verify', `${unit}.passport.json`)).toBe(2)

  await gateway.stop()
  expect(await passport()).toBe(0)
  expect(await readFile(join(io.cwd, `${unit}.passport.json`), 'utf8')).toBe(beside)

  expect(await io.tenfold('passport', 'drill-8', '--data', 'data')).toBe(1)
  expect(io.errors.join('\n')).toContain(`known: ${unit}`)
  await writeFile(join(io.cwd, 'file'), '')
  expect(await io.tenfold('passport', unit, '--data', 'data', '--out', 'file/x')).toBe(1)
  expect(io.errors.join('\n')).toContain('cannot be written')
})

test('no data folder, and no unit, are errors that say what to do', async () => {
  expect(await io.tenfold('passport', unit, '--data', 'nowhere')).toBe(1)
  expect(io.errors.join('\n')).toMatch(/no key at|no store at/)
  expect(await io.tenfold('passport')).toBe(2)
  expect(io.errors.join('\n')).toContain('the id of one unit')
})
