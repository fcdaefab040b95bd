// The signed part of the path with real keys and the real SQLite: chains in any order of arrival,
// forks, foreign keys, claims, units without a key, and what passport and ledger read of it.
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../gateway/attestation/checkpoint.ts'
import { composeClaim } from '../../gateway/attestation/claim.ts'
import { UnitKeyHolder } from '../../gateway/attestation/holder.ts'
import { parseVkey } from '../../gateway/attestation/note.ts'
import { parseTrust } from '../../gateway/attestation/trust.ts'
import { verify } from '../../gateway/attestation/verify.ts'
import { openLedgerSource } from '../../gateway/sinks/store/ledger-source.ts'
import { openPassportSource } from '../../gateway/sinks/store/passport-source.ts'
import { MemoryHolderStore, signerNamed } from '../attestation/world.ts'
import { drill, hello, report, sent, startUs, unitName } from '../pipeline/feed.ts'
import { StoreFolder } from './store-folder.ts'

const folders: StoreFolder[] = []
const open = (): StoreFolder => {
  const made = new StoreFolder()
  folders.push(made)
  return made
}

afterEach(() => {
  for (const made of folders.splice(0)) made.remove()
})

const unitSigner = signerNamed('a unit')
const secondUs = 1_000_000

/** A unit that signs for itself. */
class Signing {
  readonly holder = new UnitKeyHolder({
    signer: unitSigner,
    store: new MemoryHolderStore(),
    random: (bytes) => randomBytes(bytes),
  })
  #starts = 0

  made(): Uint8Array {
    return this.holder.enrol({
      ...{ boot: 1, timeUs: 0, counters: { starts: 0 }, details: [{ name: 'cause', value: 'x' }] },
      enrolment: {
        ...{ machine: 'cordless_drill', serial: 'k3v9', custody: 'controller_flash' },
        ...{ profile: Buffer.from(drill.digest, 'hex'), firmware: new Uint8Array(32) },
        simulated: false,
      },
    })
  }

  next(type = 'used_today', claim?: Uint8Array): Uint8Array {
    const starts = ++this.#starts
    const request = { type, boot: 1, timeUs: starts * secondUs, counters: { starts } }
    return this.holder.compose({ ...request, ...(claim && { claim }) })
  }
}

const greeting = hello({ boot: 1, t: 0, key: unitSigner.did })
const entry = (payload: Uint8Array): Buffer => sent({ kind: 'entry', payload })
const claimRecord = (payload: Uint8Array): Buffer => sent({ kind: 'claim', payload })

const chain = (length: number): Uint8Array[] => {
  const unit = new Signing()
  return [unit.made(), ...Array.from({ length: length - 1 }, () => unit.next())]
}

const acceptance = (
  unit: string,
  head: Uint8Array | null = null,
): { message: Uint8Array; hash: Uint8Array } => {
  const { claim, message } = composeClaim(
    { kind: 'acceptance', unit, head, timeUs: startUs },
    signerNamed('buyer'),
    (bytes) => randomBytes(bytes),
  )
  return { message, hash: claim.hash }
}

describe('entries of a unit with a key', () => {
  test('arrive in any order, more than once, and make one chain and one tree', async () => {
    const indexes = fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 })
    await fc.assert(
      fc.asyncProperty(
        indexes,
        fc.array(fc.nat(5), { maxLength: 4 }),
        fc.integer({ min: 1, max: 9 }),
        async (order, again, batch) => {
          const made = new StoreFolder()
          try {
            const entries = chain(6)
            const at = (i: number): Buffer => entry(entries[i] as Uint8Array)
            await made.feed([greeting, ...order.map(at), ...again.map(at)], batch)
            const { cursor, tally } = made.stage.progress()
            expect(tally).toMatchObject({ stored: 7, duplicate: again.length, quarantined: 0 })
            expect(cursor).toBe(7 + again.length)
            const summary = made.attestation.passportSummary(unitName)
            expect(summary.entries.map(({ seq, leaf }) => [seq, leaf])).toEqual(
              [0, 1, 2, 3, 4, 5].map((n) => [n, n]),
            )
            expect(made.count('waiting_entry')).toBe(0)
          } finally {
            made.remove()
          }
        },
      ),
      { numRuns: 20 },
    )
  })

  test('an early one waits, in sight, over a restart', async () => {
    const made = open()
    const [first, second, third] = chain(3).map(entry) as [Buffer, Buffer, Buffer]
    await made.feed([greeting, third, second])
    expect(made.stage.progress().tally).toMatchObject({ stored: 1, quarantined: 2 })
    expect(made.store.queries.quarantine({ limit: 9, unit: unitName })).toMatchObject([
      { reason: 'entry_gap', detail: 'entry 1 is here, 0 has not come' },
      { reason: 'entry_gap', detail: 'entry 2 is here, 0 has not come' },
    ])
    made.reopen()
    await made.feed([first])
    expect(made.stage.progress().tally).toMatchObject({ stored: 4, quarantined: 0 })
    expect(made.store.queries.quarantine({ limit: 9 })).toEqual([])
  })

  test('a fork is kept as evidence and counts in the head statement', async () => {
    const made = open()
    const unit = new Signing()
    const first = unit.made()
    const copy = new UnitKeyHolder({
      signer: unitSigner,
      store: Object.assign(new MemoryHolderStore(), { state: unit.holder.head() }),
      random: (bytes) => randomBytes(bytes),
    })
    const forked = copy.compose({ type: 'retired', boot: 1, timeUs: 9, counters: { starts: 5 } })
    await made.feed([greeting, entry(first), entry(unit.next()), entry(forked)])
    expect(made.store.queries.quarantine({ limit: 9 })).toMatchObject([{ reason: 'entry_fork' }])
    const source = openPassportSource(made.folder)
    expect(source.forks(unitName)).toHaveLength(1)
    expect(source.entries(unitName)).toHaveLength(2)
    source.close()
    const vkey = made.store.database.get("SELECT value FROM fact WHERE name = 'log_vkey'")
    const trust = parseTrust(`log ${vkey?.['value']}\nunit ${unitSigner.did}\n`)
    const { verdict, checks } = await verify(made.attestation.passport(unitName), trust)
    expect(verdict).toBe('INVALID')
    expect(checks.find(({ name }) => name === 'forks')).toMatchObject({ verdict: 'fail' })
  })

  test('that does not follow the one before it, goes to quarantine as entry_order', async () => {
    const made = open()
    const unit = new Signing()
    const first = unit.made()
    const copy = new UnitKeyHolder({
      signer: unitSigner,
      store: Object.assign(new MemoryHolderStore(), { state: unit.holder.head() }),
      random: (bytes) => randomBytes(bytes),
    })
    const request = { type: 'used_today', boot: 1, timeUs: secondUs, counters: { starts: 7 } }
    copy.compose(request)
    const stray = copy.compose({ ...request, timeUs: 2 * secondUs })
    await made.feed([greeting, entry(first), entry(unit.next()), entry(stray)])
    expect(made.store.queries.quarantine({ limit: 9 })).toMatchObject([
      { reason: 'entry_order', detail: 'entry 2 does not follow entry 1' },
    ])
    expect(made.stage.progress().tally).toMatchObject({ stored: 3, quarantined: 1 })
  })

  test('of another key, cut or without a key at hello go to quarantine', async () => {
    const made = open()
    const [first] = chain(1) as [Uint8Array]
    const other = hello({ boot: 1, t: 0 }, { unit: 'drill-2' })
    const third = hello({ boot: 1, t: 0, key: signerNamed('other').did }, { unit: 'drill-3' })
    const cut = first.slice(0, -3)
    const wrong = Uint8Array.from(first)
    const last = first.indexOf(0x58, first.length - 200)
    wrong[last + 10] = (wrong[last + 10] ?? 0) ^ 1
    await made.feed([greeting, other, third])
    await made.feed([
      sent({ kind: 'entry', unit: 'drill-2', payload: first }),
      sent({ kind: 'entry', unit: 'drill-3', payload: first }),
      entry(cut),
      entry(Buffer.from('not cbor')),
    ])
    const reasons = made.store.queries.quarantine({ limit: 9 }).map(({ reason }) => reason)
    expect(reasons).toEqual([
      'entry_malformed',
      'entry_malformed',
      'entry_signature',
      'entry_signature',
    ])
    expect(made.stage.progress().tally).toMatchObject({ stored: 3, quarantined: 4 })
  })
})

describe('claims', () => {
  test('are asked for until the chain has them, and then move the lifecycle', async () => {
    const made = open()
    const unit = new Signing()
    const { message, hash } = acceptance(unitSigner.did)
    const command = {
      machine: 'cordless_drill',
      unit: unitName,
      payload: JSON.stringify({
        kind: 'include_claim',
        claim: Buffer.from(hash).toString('hex'),
        type: 'accepted',
      }),
    }
    await made.feed([greeting, entry(unit.made()), claimRecord(message), claimRecord(message)])
    expect(made.stage.progress().tally).toMatchObject({ stored: 3, duplicate: 1 })
    expect(made.commands).toEqual([command])
    await made.feed([greeting])
    expect(made.commands).toEqual([command, command])
    await made.feed([entry(unit.next('accepted', hash)), greeting])
    expect(made.commands).toHaveLength(2)
    expect(made.store.queries.units()[0]).toMatchObject({ lifecycle: 'accepted' })
    expect(made.store.queries.events({ unit: unitName, limit: 1 })).toMatchObject([
      { type: 'accepted', attested: true },
    ])
  })

  test('about another unit, or not signed by their author, go to quarantine', async () => {
    const made = open()
    const foreign = acceptance(signerNamed('other').did).message
    const forged = Uint8Array.from(acceptance(unitSigner.did).message)
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1
    await made.feed([greeting, claimRecord(foreign), claimRecord(forged)])
    const reasons = made.store.queries.quarantine({ limit: 9 }).map(({ reason }) => reason)
    expect(reasons).toEqual(['claim_signature', 'claim_malformed'])
    expect(made.commands).toEqual([])
  })
})

describe('units without a key', () => {
  const life = [
    hello({ boot: 1, t: 0 }),
    report({ boot: 1, seq: 0, t: 5, v: { torque: 1 }, c: { starts: 0, run_time: 0 } }),
    report({ boot: 1, seq: 1, t: 9, c: { starts: 3, run_time: 4000 } }),
  ]

  test('are signed for by the gateway, readably, and their events are attested', async () => {
    const made = open()
    await made.feed(life)
    const { key, custody, entries } = made.attestation.passportSummary(unitName)
    expect(custody).toBe('gateway')
    expect(key).toMatch(/^did:key:z6Mk/)
    expect(entries.map(({ type }) => type)).toEqual(['made', 'first_used'])
    const events = made.store.queries.events({ unit: unitName, limit: 9 })
    expect(events.map(({ type, attested }) => [type, attested])).toEqual([
      ['first_used', true],
      ['made', true],
    ])
    const { message } = acceptance(key ?? '', Buffer.from(entries[1]?.hash ?? '', 'hex'))
    await made.feed([claimRecord(message)])
    const after = made.attestation.passportSummary(unitName)
    expect(after.entries.map(({ type }) => type)).toEqual(['made', 'first_used', 'accepted'])
    expect(made.commands).toEqual([])
    const { checks } = await verify(
      made.attestation.passport(unitName),
      parseTrust(`author ${signerNamed('buyer').did}`),
    )
    const passed = checks.filter(({ verdict }) => verdict === 'pass').map(({ name }) => name)
    expect(passed).toEqual(
      expect.arrayContaining(['entries', 'chain', 'claims', 'inclusion', 'head']),
    )
  })

  test('get the same bytes from a replay of the log', async () => {
    // Of one batch: what comes behind an event, and a claim, is not in what is signed of them.
    const first = open()
    const probe = new StoreFolder({ keysOf: first.folder })
    folders.push(probe)
    await probe.feed(life)
    const { message } = acceptance(probe.attestation.passportSummary(unitName).key ?? '')
    const all = [
      ...life,
      report({ boot: 1, seq: 2, t: 20, c: { starts: 9, run_time: 9000 } }),
      claimRecord(message),
      hello({ boot: 2, t: 0, firmware: 'ab'.repeat(32) }),
      report({ boot: 2, seq: 0, t: 30, c: { starts: 4, run_time: 800 } }),
    ]
    await first.feed(all)
    // The same keys, an empty store, other batches.
    const second = new StoreFolder({ keysOf: first.folder })
    folders.push(second)
    await second.feed(all, 1)
    const tree = (made: StoreFolder): unknown => made.attestation.passportSummary(unitName).entries
    expect(tree(second)).toEqual(tree(first))
  })
})

describe('what is read of the log', () => {
  test('checkpoint, proofs, entries and claims agree, beside a gateway that writes', async () => {
    const made = open()
    const unit = new Signing()
    const { message, hash } = acceptance(unitSigner.did)
    await made.feed(
      [greeting, entry(unit.made()), claimRecord(message), entry(unit.next('accepted', hash))],
      1,
    )
    const source = await openLedgerSource(made.folder)
    const checkpoint = await source.latestCheckpoint()
    expect(checkpoint).toMatchObject({
      origin: expect.stringMatching(/^tenfold\/[1-9A-HJ-NP-Za-km-z]{12}$/),
      size: 2,
    })
    expect(await source.rootAt(2)).toEqual(checkpoint?.root)
    expect(await source.consistencyProof(1, 2)).toHaveLength(1)
    expect(await source.consistencyProof(2, 2)).toEqual([])
    const entries = await Array.fromAsync(source.entries(1))
    expect(entries).toMatchObject([{ index: 1, receivedUs: startUs }])
    const claim = await source.claim(Buffer.from(hash).toString('hex'))
    expect(claim?.disclosures).toEqual([])
    expect(await source.claim('00'.repeat(32))).toBeUndefined()
    expect((await source.profile(drill.digest))?.machine).toBe('cordless_drill')
    expect(source.operator).toMatch(/^did:key:z6Mk/)
    await source.close()
    const passport = openPassportSource(made.folder)
    const key = parseVkey(passport.vkey())
    expect(openCheckpoint(passport.checkpoint() ?? '', key).size).toBe(2)
    passport.close()
    expect((await made.attestation.register()).units).toMatchObject([{ unit: unitName }])
  })

  test('a log is not continued with another key', async () => {
    const made = open()
    await made.feed([greeting])
    const { database } = made.store
    database.run("UPDATE fact SET value = 'x' WHERE name = 'log_vkey'")
    expect(() => made.reopen()).toThrow(expect.objectContaining({ code: 'log_key_changed' }))
  })

  test('a folder without a store says so', async () => {
    await expect(openLedgerSource('/nonexistent')).rejects.toMatchObject({ code: 'store_missing' })
    expect(() => openPassportSource('/nonexistent')).toThrow(/no gateway has run/)
  })
})
