// Who may declare what about a unit, in the store with real keys: anybody until it was accepted,
// then its owner and the keys that the config names. And what use itself shows.
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClaimKind, composeClaim } from '../../gateway/attestation/claim.ts'
import { UnitKeyHolder } from '../../gateway/attestation/holder.ts'
import { MemoryHolderStore, signerNamed } from '../attestation/world.ts'
import { drill, hello, report, sent, startUs, unitName } from '../pipeline/feed.ts'
import { StoreFolder } from './store-folder.ts'

const folders: StoreFolder[] = []
const open = (authorities: string[] = []): StoreFolder => {
  const made = new StoreFolder({ authorities })
  folders.push(made)
  return made
}

afterEach(() => {
  for (const made of folders.splice(0)) made.remove()
})

const [owner, other, workshop] = ['owner', 'other', 'workshop'].map(signerNamed)
type Signer = ReturnType<typeof signerNamed>
const nowUs = startUs + 60_000_000

const claimOf = (kind: ClaimKind, author: Signer | undefined, unit: string) => {
  const { claim, message } = composeClaim(
    { kind, unit, head: null, timeUs: startUs },
    author as Signer,
    (bytes) => randomBytes(bytes),
  )
  return { hash: claim.hash, record: sent({ kind: 'claim', payload: message, receivedUs: nowUs }) }
}

const read = (seq: number, state: string): Buffer =>
  report({ boot: 1, seq, t: seq * 1000, v: { state }, c: { starts: 1, run_time: seq } })

/** A unit for which the gateway signs, in use. */
const used = async (made: StoreFolder): Promise<string> => {
  await made.feed([hello({ boot: 1, t: 0 }), read(0, 'idle'), read(1, 'run')])
  return made.attestation.passportSummary(unitName).key ?? ''
}

const lifecycle = (made: StoreFolder) => made.store.queries.unit(unitName)?.lifecycle
const aside = (made: StoreFolder) =>
  made.store.queries.quarantine({ limit: 9 }).map(({ reason, detail }) => [reason, detail])

describe('an accepted unit', () => {
  test('goes on as it was: in use', async () => {
    const made = open()
    const key = await used(made)
    await made.feed([claimOf('acceptance', owner, key).record])
    expect(lifecycle(made)).toBe('in_use')
    const { steps } = made.store.queries.life({ unit: unitName, nowUs })
    expect(steps[0]).toMatchObject({ type: 'accepted', from: 'in_use', to: 'in_use', entrySeq: 2 })
    expect(made.store.queries.unit(unitName)?.owner).toBe(owner?.did)
  })

  test.each(['retirement', 'transfer', 'storage', 'service', 'acceptance', 'shift'] as const)(
    'is deaf to a %s by anybody else, and says why',
    async (kind) => {
      const made = open()
      const key = await used(made)
      await made.feed([claimOf('acceptance', owner, key).record])
      await made.feed([claimOf(kind, other, key).record])
      expect(lifecycle(made)).toBe('in_use')
      const why = `${other?.did} is neither the owner who accepted it nor named in units.authorities`
      expect(aside(made)).toEqual([['claim_unauthorised', why]])
      expect(made.store.queries.quarantine({ limit: 1 })[0]?.remedy).toContain('units.authorities')
    },
  )

  test('hears its owner, and a workshop that the config names', async () => {
    const made = open([workshop?.did ?? ''])
    const key = await used(made)
    await made.feed([claimOf('acceptance', owner, key).record])
    await made.feed([claimOf('repair', workshop, key).record])
    expect(lifecycle(made)).toBe('in_repair')
    await made.feed([claimOf('service', workshop, key).record])
    await made.feed([claimOf('storage', owner, key).record])
    expect(lifecycle(made)).toBe('stored')
    expect(aside(made)).toEqual([])
  })

  test('that was handed on is taken over by whoever has it, once', async () => {
    const made = open()
    const key = await used(made)
    await made.feed([claimOf('acceptance', owner, key).record])
    await made.feed([claimOf('transfer', owner, key).record])
    await made.feed([claimOf('acceptance', other, key).record])
    expect(made.store.queries.unit(unitName)?.owner).toBe(other?.did)
    await made.feed([claimOf('retirement', owner, key).record])
    expect(aside(made).map(([reason]) => reason)).toEqual(['claim_unauthorised'])
  })
})

test('until a unit was accepted anybody may declare', async () => {
  const made = open()
  const key = await used(made)
  await made.feed([claimOf('storage', other, key).record])
  expect(lifecycle(made)).toBe('stored')
})

describe('an entry that comes before its claim, of a unit that has an owner', () => {
  const signer = signerNamed('a unit')
  const enrolled = (): { holder: UnitKeyHolder; made: Buffer } => {
    const random = (bytes: number): Uint8Array => randomBytes(bytes)
    const holder = new UnitKeyHolder({ signer, store: new MemoryHolderStore(), random })
    const payload = holder.enrol({
      ...{ boot: 1, timeUs: 0, counters: { starts: 0 }, details: [] },
      enrolment: {
        ...{ machine: 'cordless_drill', serial: 'k3v9', custody: 'controller_flash' },
        ...{ profile: Buffer.from(drill.digest, 'hex'), firmware: new Uint8Array(32) },
        simulated: false,
      },
    })
    return { holder, made: sent({ kind: 'entry', payload }) }
  }
  const entry = (holder: UnitKeyHolder, type: string, claim: Uint8Array): Buffer => {
    const request = { type, boot: 1, timeUs: 5_000_000, counters: { starts: 1 }, claim }
    return sent({ kind: 'entry', payload: holder.compose(request) })
  }

  test.each([
    ['stored', owner],
    ['accepted', other],
  ])('waits; then it leads to %s', async (after, author) => {
    const made = open()
    const { holder, made: first } = enrolled()
    const accept = claimOf('acceptance', owner, signer.did)
    await made.feed([hello({ boot: 1, t: 0, key: signer.did }), first])
    await made.feed([accept.record, entry(holder, 'accepted', accept.hash)])
    const put = claimOf('storage', author, signer.did)
    await made.feed([entry(holder, 'stored', put.hash)])
    expect(lifecycle(made)).toBe('accepted')
    const newest = () => made.store.queries.life({ unit: unitName, nowUs }).steps[0]
    expect(newest()?.refused).toContain('has not come')
    await made.feed([put.record])
    expect(lifecycle(made)).toBe(after)
    expect(newest()).toMatchObject({ type: 'stored', author: author?.did })
    if (author === owner) expect(newest()?.refused).toBeUndefined()
    else expect(newest()?.refused).toMatch(/neither the owner/)
  })
})

test('use is believed before a box: what was stored and works again is in use, measured', async () => {
  const made = open()
  const key = await used(made)
  await made.feed([claimOf('storage', owner, key).record])
  await made.feed([read(2, 'idle')])
  expect(lifecycle(made)).toBe('stored')
  await made.feed([read(3, 'run'), read(4, 'run')])
  expect(lifecycle(made)).toBe('in_use')
  const { steps } = made.store.queries.life({ unit: unitName, nowUs })
  expect(steps.filter(({ type }) => type === 'used_again')).toMatchObject([
    { from: 'stored', to: 'in_use', declared: false, entrySeq: 3 },
  ])
})

test('what is in repair may be tried out without being in use', async () => {
  const made = open()
  const key = await used(made)
  await made.feed([claimOf('repair', owner, key).record, read(2, 'run')])
  expect(lifecycle(made)).toBe('in_repair')
})
