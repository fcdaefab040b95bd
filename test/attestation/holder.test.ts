// Keys, heads and the writing of chains: what is stored before what, and what happens when storing
// fails.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkFork, foldChain, stepChain } from '../../gateway/attestation/chain.ts'
import { AttestationError } from '../../gateway/attestation/codes.ts'
import { verifyEd25519 } from '../../gateway/attestation/ed25519.ts'
import { type Entry, receiveEntry } from '../../gateway/attestation/entry.ts'
import {
  type EnrolmentRequest,
  maxUnsent,
  UnitKeyHolder,
} from '../../gateway/attestation/holder.ts'
import { fileHolderStore } from '../../gateway/attestation/holder-store.ts'
import {
  loadOrCreateSecret,
  loadOrCreateSigner,
  loadSigner,
} from '../../gateway/attestation/identity.ts'
import { digest, fixedRandom, MemoryHolderStore, signerNamed } from './world.ts'

const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenfold-attestation-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('key files', () => {
  const random = (bytes: number) => randomBytes(bytes)

  test('are made once, mode 0600, and give the same key again', () => {
    const path = join(folder, 'keys', 'unit.pem')
    const first = loadOrCreateSigner(path, random)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const second = loadOrCreateSigner(path, random)
    expect(second.did).toBe(first.did)
    const message = digest('message')
    expect(verifyEd25519(second.sign(message), message, first.publicKey)).toBe(true)
    expect(existsSync(`${path}.new`)).toBe(false)
  })

  test('are PEM that openssl reads, and no print of a signer shows the key', () => {
    const path = join(folder, 'unit.pem')
    const seed = digest('seed')
    const signer = loadOrCreateSigner(path, () => seed)
    expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
    const shown = inspect(signer, { depth: 9, showHidden: true }) + JSON.stringify(signer)
    for (const encoding of ['hex', 'base64'] as const) {
      expect(shown).not.toContain(Buffer.from(seed).toString(encoding))
    }
  })

  test('that are absent, open to others or damaged are typed errors without content', async () => {
    const path = join(folder, 'unit.pem')
    expect(codeOf(() => loadSigner(path))).toBe('no_key_file')
    loadOrCreateSigner(path, random)
    await chmod(path, 0o640)
    expect(codeOf(() => loadSigner(path))).toBe('key_file_open')
    writeFileSync(path, 'secret words')
    await chmod(path, 0o600)
    expect(codeOf(() => loadOrCreateSigner(path, random))).toBe('bad_key_file')
    expect(() => loadSigner(path)).not.toThrow(/secret words/)
  })

  test('of secrets hold 32 bytes', async () => {
    const path = join(folder, 'blind.key')
    const secret = loadOrCreateSecret(path, random)
    expect(loadOrCreateSecret(path, random)).toEqual(secret)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    writeFileSync(path, 'QUJD\n')
    expect(codeOf(() => loadOrCreateSecret(path, random))).toBe('bad_key_file')
  })
})

const enrolment: EnrolmentRequest = {
  ...{ boot: 1, timeUs: 10, counters: { starts: 0 } },
  enrolment: {
    ...{ machine: 'cordless_drill', serial: 'a1', custody: 'controller_flash', simulated: true },
    ...{ profile: digest('profile'), firmware: digest('firmware') },
  },
}
const usage = (starts: number) => ({
  ...{ type: 'usage', boot: 1, timeUs: 10 + starts },
  counters: { starts },
})

const holderOf = (store: ConstructorParameters<typeof UnitKeyHolder>[0]['store'], name = 'unit') =>
  new UnitKeyHolder({ signer: signerNamed(name), store, random: fixedRandom(name) })

const entryOf = (message: Uint8Array): Entry => receiveEntry(message).entry

describe('the holder of a unit’s key', () => {
  test('writes a chain that folds, with its details opened beside it', () => {
    const holder = holderOf(new MemoryHolderStore())
    const messages = [
      holder.enrol(enrolment),
      holder.compose({ ...usage(5), details: [{ name: 'stalls', value: 3 }] }),
      holder.compose(usage(9)),
    ]
    const head = foldChain(messages.map(entryOf))
    expect(head).toMatchObject({ seq: 2, counters: { starts: 9 } })
    expect(head.enrolment).toMatchObject({ simulated: true, suite: 'ed25519' })
    const [opened] = receiveEntry(messages[1] ?? new Uint8Array()).disclosures
    expect(opened).toMatchObject({ name: 'stalls', value: 3 })
    expect(holder.unsent()).toEqual(messages)
  })

  test('continues over a restart from its file, and sends again what was not acknowledged', () => {
    const path = join(folder, 'head.cbor')
    const first = holderOf(fileHolderStore(path))
    const made = first.enrol(enrolment)
    const second = first.compose(usage(1))
    first.acknowledge(1)
    const again = holderOf(fileHolderStore(path))
    expect(again.unsent()).toEqual([second])
    const third = again.compose(usage(2))
    expect(foldChain([made, second, third].map(entryOf)).seq).toBe(2)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('stores the head before it hands out the entry; a failed save hands out nothing', () => {
    const store = new MemoryHolderStore()
    const holder = holderOf(store)
    holder.enrol(enrolment)
    const before = store.state
    const save = store.save.bind(store)
    // Not done, and reported failed.
    store.save = () => {
      throw new Error('disk full')
    }
    expect(() => holder.compose(usage(1))).toThrow('disk full')
    expect(store.state).toBe(before)
    // Done, but reported failed.
    store.save = (state) => {
      save(state)
      throw new Error('sync failed')
    }
    expect(() => holder.compose(usage(1))).toThrow('sync failed')
    store.save = save
    const next = holder.compose(usage(2))
    expect(entryOf(next).seq).toBe(1)
    // What the store knows now is what was handed out: after a restart there is no second entry 1.
    const restarted = holderOf(store)
    expect(restarted.unsent().at(-1)).toEqual(next)
    expect(entryOf(restarted.compose(usage(3))).prev).toEqual(entryOf(next).hash)
  })

  test('refuses what a verifier would refuse, before it signs', () => {
    const holder = holderOf(new MemoryHolderStore())
    expect(codeOf(() => holder.compose(usage(1)))).toBe('not_enrolled')
    holder.enrol(enrolment)
    holder.compose(usage(5))
    expect(codeOf(() => holder.enrol(enrolment))).toBe('already_enrolled')
    expect(codeOf(() => holder.compose(usage(4)))).toBe('clock_backwards')
    const back = { ...usage(4), timeUs: 99 }
    expect(codeOf(() => holder.compose(back))).toBe('counter_shrunk')
    expect(codeOf(() => holder.compose({ ...usage(6), type: 'accepted' }))).toBe('claim_required')
    expect(codeOf(() => holder.compose({ ...usage(6), type: 'made' }))).toBe('enrolled_twice')
    expect(codeOf(() => holder.compose({ ...usage(6), type: 'Bad Type' }))).toBe('bad_field')
    const dotted = { ...usage(6), counters: { 'a.b': 1 } }
    expect(codeOf(() => holder.compose(dotted))).toBe('bad_field')
    expect(() => holder.compose({ ...usage(6), counters: { starts: 6.5 } })).toThrow(TypeError)
    expect(holder.head()?.seq).toBe(1)
  })

  test('refuses when too many entries wait, and loses none', () => {
    const store = new MemoryHolderStore()
    const holder = holderOf(store)
    holder.enrol(enrolment)
    const state = store.state
    if (state === undefined) throw new Error('the holder has stored its head')
    store.state = { ...state, unsent: Array(maxUnsent).fill(state.unsent[0]) }
    const full = holderOf(store)
    expect(codeOf(() => full.compose(usage(1)))).toBe('outbox_full')
    full.acknowledge(1)
    expect(codeOf(() => full.compose(usage(1)))).toBe('ok')
  })

  test('a head file with a full outbox reads back', () => {
    const store = fileHolderStore(join(folder, 'head.cbor'))
    const holder = holderOf(store)
    const message = holder.enrol(enrolment)
    const state = store.load()
    if (state === undefined) throw new Error('the holder has stored its head')
    store.save({ ...state, unsent: Array(maxUnsent).fill(message) })
    expect(store.load()?.unsent).toHaveLength(maxUnsent)
  })

  test('a damaged head is an error, never a new chain; so is the head of another key', () => {
    const path = join(folder, 'head.cbor')
    holderOf(fileHolderStore(path)).enrol(enrolment)
    const other = holderOf(fileHolderStore(path), 'other')
    expect(codeOf(() => other.compose(usage(1)))).toBe('head_of_other_key')
    const bytes = readFileSync(path)
    for (const damage of [bytes.subarray(0, -1), Buffer.alloc(0), Buffer.concat([bytes, bytes])]) {
      writeFileSync(path, damage)
      expect(codeOf(() => holderOf(fileHolderStore(path)).compose(usage(1)))).toBe('bad_head_file')
    }
  })
})

describe('stepping a chain', () => {
  const holder = holderOf(new MemoryHolderStore())
  const [made, one, two] = [
    holder.enrol(enrolment),
    holder.compose(usage(1)),
    holder.compose(usage(2)),
  ].map(entryOf)
  if (!made || !one || !two) throw new Error('three entries')
  const known = [made, one, two]
  const bytesAt = (seq: number) => known[seq]?.bytes
  const head = foldChain([made, one])

  test('tells duplicates, early arrivals and forks apart', () => {
    expect(stepChain(undefined, one, bytesAt)).toEqual({ kind: 'ahead', missing: 0 })
    expect(stepChain(foldChain([made]), two, bytesAt)).toEqual({ kind: 'ahead', missing: 1 })
    expect(stepChain(head, one, bytesAt)).toEqual({ kind: 'duplicate' })
    expect(stepChain(head, two, bytesAt).kind).toBe('appended')
    const copied = holderOf(new MemoryHolderStore())
    copied.enrol(enrolment)
    const rival = entryOf(copied.compose(usage(7)))
    const step = stepChain(head, rival, bytesAt)
    expect(step).toEqual({
      kind: 'fork',
      proof: { unit: one.unit, seq: 1, first: one.bytes, second: rival.bytes },
    })
    expect(checkFork(one.bytes, rival.bytes).seq).toBe(1)
    expect(codeOf(() => checkFork(one.bytes, one.bytes))).toBe('bad_field')
    expect(codeOf(() => checkFork(one.bytes, two.bytes))).toBe('bad_field')
  })

  test('a counter that an entry leaves out is remembered, and may not fall later', () => {
    const own = holderOf(new MemoryHolderStore())
    own.enrol({ ...enrolment, counters: { starts: 4 } })
    own.compose({ ...usage(9), counters: {} })
    expect(codeOf(() => own.compose({ ...usage(9), counters: { starts: 3 } }))).toBe(
      'counter_shrunk',
    )
    expect(own.head()?.counters).toEqual({ starts: 4 })
  })

  test('1,000 honest random histories give no alarm (property)', () => {
    const steps = fc.array(
      fc.record({
        boots: fc.nat(2),
        dt: fc.nat(1_000_000),
        counters: fc.dictionary(fc.constantFrom('starts', 'run_time', 'constructor'), fc.nat(99)),
      }),
      { maxLength: 3 },
    )
    const signer = signerNamed('honest')
    fc.assert(
      fc.property(steps, (list) => {
        const own = new UnitKeyHolder({
          ...{ signer, store: new MemoryHolderStore(), random: fixedRandom('honest') },
        })
        const entries = [entryOf(own.enrol(enrolment))]
        let [boot, timeUs] = [1, 10]
        const counters: Record<string, number> = { starts: 0 }
        for (const step of list) {
          boot += step.boots
          timeUs = step.boots > 0 ? step.dt : timeUs + step.dt
          for (const [name, grown] of Object.entries(step.counters)) {
            counters[name] = (Object.hasOwn(counters, name) ? (counters[name] ?? 0) : 0) + grown
          }
          entries.push(entryOf(own.compose({ type: 'usage', boot, timeUs, counters })))
        }
        return foldChain(entries).seq === list.length
      }),
      { numRuns: 1000 },
    )
  })
})
