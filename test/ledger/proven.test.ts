// From signed entries to shares: real keys, chains and claims; and what is kept aside because it
// proves nothing.
import { describe, expect, test } from 'vitest'
import { toHex } from '../../gateway/attestation/bytes.ts'
import { Ledger, summarise } from '../../gateway/ledger/ledger.ts'
import { ProvenReader } from '../../gateway/ledger/proven.ts'
import { readRules } from '../../gateway/ledger/rules-file.ts'
import { type FakeLog, fakeLog, person, type TestUnit } from './fake-log.ts'
import { yearUs } from './histories.ts'

const ben = person(1)
const cleo = person(2)
const dora = person(3)
const emil = person(4)

const prove = async (log: FakeLog) => {
  log.sign()
  const reader = new ProvenReader(log.source)
  const proven = await reader.read()
  return { proven, unproven: reader.unproven.map(({ index, code }) => ({ index, code })) }
}
const accept = (unit: TestUnit, details = [{ name: 'worker', value: `${ben.did} 2` }]): number =>
  unit.write('accepted', { claim: unit.claim('acceptance', dora, details) })

describe('a proven entry', () => {
  test('of an acceptance names buyer, workers and signers', async () => {
    const log = fakeLog()
    const unit = log.unit(10)
    const claim = unit.claim('acceptance', dora, [
      { name: 'worker', value: `${ben.did} 2` },
      { name: 'worker', value: cleo.did },
    ])
    unit.write('accepted', { claim, timeUs: 123 })
    const { proven, unproven } = await prove(log)
    expect(unproven).toEqual([])
    const { workers, ...rest } = proven[1] as (typeof proven)[1] & { workers: object[] }
    expect(rest).toEqual({
      type: 'accepted',
      index: 1,
      unit: unit.did,
      custody: 'controller_flash',
      simulated: false,
      timeUs: 123,
      runUs: 0,
      claim: toHex(claim),
      buyer: dora.did,
      signers: [unit.did, dora.did],
    })
    expect(workers).toHaveLength(2)
    expect(workers).toContainEqual({ holder: ben.did, weight: 2 })
    expect(workers).toContainEqual({ holder: cleo.did, weight: 1 })
  })

  test('believes the producer before the buyer about who built the unit', async () => {
    const log = fakeLog()
    accept(log.unit(10, { maker: cleo }))
    const { proven } = await prove(log)
    expect(proven[1]).toMatchObject({ workers: [{ holder: cleo.did, weight: 1 }] })
  })

  test('of a service takes the weights from the machine file, not from the claim', async () => {
    const log = fakeLog()
    const unit = log.unit(10)
    const claim = unit.claim('service', emil, [
      { name: 'part', value: 'motor' },
      { name: 'part', value: 'golden_handle' },
    ])
    unit.write('repaired', { claim, hours: 3 })
    const { proven } = await prove(log)
    expect(proven[1]).toMatchObject({ type: 'serviced', repairer: emil.did, runUs: 10_800_000_000 })
    const { parts } = proven[1] as unknown as { parts: object[] }
    expect(parts).toHaveLength(2)
    expect(parts).toContainEqual({ part: 'motor', weightPpm: 350_000 })
    expect(parts).toContainEqual({ part: 'golden_handle', weightPpm: 0 })
  })

  test('waits for a checkpoint, and comes once', async () => {
    const log = fakeLog()
    const unit = log.unit(10)
    const reader = new ProvenReader(log.source)
    expect(await reader.read()).toEqual([])
    log.sign()
    unit.write('used_today', { hours: 1 })
    expect((await reader.read()).map(({ index }) => index)).toEqual([0])
    expect(await reader.read()).toEqual([])
    log.sign()
    expect((await reader.read()).map(({ index }) => index)).toEqual([1])
  })
})

describe('kept aside', () => {
  test('an entry that was changed after signing, and all that follow it', async () => {
    const log = fakeLog()
    const unit = log.unit(10)
    unit.write('used_today', { hours: 1 })
    unit.write('used_today', { hours: 2 })
    const middle = log.entries[1]
    if (middle) middle.entry = middle.entry.with(-1, (middle.entry.at(-1) ?? 0) ^ 1)
    const { proven, unproven } = await prove(log)
    expect(proven).toHaveLength(1)
    expect(unproven).toEqual([
      { index: 1, code: 'bad_signature' },
      { index: 2, code: 'entry_missing' },
    ])
  })

  test('bytes that are no entry, and an entry that is there twice', async () => {
    const log = fakeLog()
    log.unit(10)
    const first = log.entries[0]
    log.unit(11)
    if (first && log.entries[1]) log.entries[1].entry = first.entry
    log.unit(12)
    if (log.entries[2]) log.entries[2].entry = new Uint8Array([1, 2, 3])
    expect((await prove(log)).unproven).toEqual([
      { index: 1, code: 'entry_order' },
      { index: 2, code: 'bad_cose' },
    ])
  })

  test('an acceptance whose claim is not here, or is of another unit, kind or moment', async () => {
    const log = fakeLog()
    const other = log.unit(11)
    const unit = log.unit(10)
    unit.write('accepted', { claim: new Uint8Array(32) })
    unit.write('accepted', { claim: other.claim('acceptance', dora) })
    unit.write('accepted', { claim: unit.claim('service', dora) })
    const fork = fakeLog()
    const twin = fork.unit(10)
    twin.write('used_today', { hours: 1 })
    const claim = twin.claim('acceptance', dora)
    const stored = fork.claims.get(toHex(claim))
    if (stored) log.claims.set(toHex(claim), stored)
    unit.write('accepted', { claim })
    // The chain goes on: what a claim does not prove, the entry itself still does.
    unit.write('used_today', { hours: 1 })
    const { proven, unproven } = await prove(log)
    expect(unproven).toEqual([
      { index: 2, code: 'claim_withheld' },
      { index: 3, code: 'claim_foreign' },
      { index: 4, code: 'claim_foreign' },
      { index: 5, code: 'claim_foreign' },
    ])
    expect(proven.map(({ index }) => index)).toEqual([0, 1, 6])
  })

  test('a worker who is no did:key', async () => {
    const log = fakeLog()
    accept(log.unit(10), [{ name: 'worker', value: 'Ben' }])
    expect((await prove(log)).unproven).toEqual([{ index: 1, code: 'bad_did' }])
  })

  test('details that the author did not sign count for nothing', async () => {
    const log = fakeLog()
    const unit = log.unit(10)
    const claim = unit.claim('acceptance', dora, [{ name: 'worker', value: ben.did }])
    const own = log.claims.get(toHex(claim))
    const foreign = log.claims.get(
      toHex(unit.claim('acceptance', emil, [{ name: 'worker', value: emil.did }])),
    )
    if (!own || !foreign) throw new Error('both were stored')
    const disclosures = [...foreign.disclosures, ...own.disclosures]
    log.claims.set(toHex(claim), { ...own, disclosures })
    unit.write('accepted', { claim })
    const { proven } = await prove(log)
    expect(proven[1]).toMatchObject({ workers: [{ holder: ben.did, weight: 1 }] })
  })
})

describe('the ledger of a log', () => {
  const usual = () => readRules({}, person(99).did)

  test('pays from the log alone: acceptance, hours, a repair, years', async () => {
    const log = fakeLog()
    const unit = log.unit(10, { maker: ben })
    const ledger = new Ledger(usual(), log.source)
    accept(unit)
    unit.write('used_today', { hours: 60 })
    log.sign()
    expect((await ledger.register()).supply).toBe(1_000_400n)
    const claim = unit.claim('service', emil, [{ name: 'part', value: 'motor' }])
    unit.write('repaired', { claim, hours: 60 })
    unit.write('used_today', { hours: 70, timeUs: yearUs })
    log.sign()
    // Two at once, as two readers of a page ask.
    const [register, same] = await Promise.all([ledger.register(), ledger.register()])
    expect(same).toEqual(register)
    expect(register.holders.get(emil.did)).toBe(28n)
    expect(register.holders.get(ben.did)).toBe(240n + 80n + 52n)
    expect(await new Ledger(usual(), log.source).register()).toEqual(register)
    expect(summarise(ledger.rules, register)).toMatchObject({
      supply: '1000500',
      holders: [
        { holder: person(99).did, name: 'founder and management', shares: '1000100' },
        { holder: ben.did, name: '', shares: '372' },
        { holder: emil.did, name: '', shares: '28' },
      ],
      units: [{ minted: '500', budget: '1000', note: 'paid for accepted, hours_50, years_1' }],
    })
  })

  test('lets others in its thread go on while it reads', async () => {
    const log = fakeLog()
    const unit = log.unit(10)
    for (let hours = 1; hours < 20; hours++) unit.write('used_today', { hours })
    log.sign()
    let turns = 0
    let reading = true
    const count = () => {
      turns++
      if (reading) setImmediate(count)
    }
    count()
    await new Ledger(usual(), log.source).register()
    reading = false
    expect(turns).toBeGreaterThanOrEqual(20)
  })

  test('a twin earns nothing, and its summary says why', async () => {
    const log = fakeLog()
    const twin = log.unit(10, { simulated: true, maker: ben })
    accept(twin)
    log.sign()
    const ledger = new Ledger(usual(), log.source)
    const register = await ledger.register()
    expect(register.supply).toBe(1_000_000n)
    expect(summarise(ledger.rules, register, new Map([[twin.did, 'twin-1']])).units).toEqual([
      { unit: 'twin-1', minted: '0', budget: '1000', note: 'simulated: earns nothing' },
    ])
  })

  test('reads again from the beginning after its source failed in the middle', async () => {
    const log = fakeLog()
    const unit = log.unit(10, { maker: ben })
    accept(unit)
    log.sign()
    let broken = true
    const source = {
      ...log.source,
      claim: async (digest: string) => {
        if (broken) throw new Error('disk')
        return log.source.claim(digest)
      },
    }
    const ledger = new Ledger(usual(), source)
    await expect(ledger.register()).rejects.toThrow('disk')
    broken = false
    expect((await ledger.register()).supply).toBe(1_000_300n)
  })
})
