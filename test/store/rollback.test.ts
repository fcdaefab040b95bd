// A transaction that fails takes back what was remembered beside it: the chains that the gateway
// signs, the Merkle tree, the numbers of units. Then the same batch is taken as if for the first
// time.
import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { composeClaim } from '../../gateway/attestation/claim.ts'
import { signerNamed } from '../attestation/world.ts'
import { hello, report, sent, unitName } from '../pipeline/feed.ts'
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

/** The last write of a batch fails, as a full disk would make it. */
const failing = async (made: StoreFolder, work: () => Promise<void>): Promise<void> => {
  const { database } = made.store
  database.exec(`CREATE TRIGGER full BEFORE INSERT ON unit_state
    BEGIN SELECT RAISE(ABORT, 'no room'); END`)
  await expect(work()).rejects.toThrow('no room')
  database.exec('DROP TRIGGER full')
}

const begun = [hello({ boot: 1, t: 0 }), report({ boot: 1, seq: 0, t: 5, c: { starts: 0 } })]
const used = [report({ boot: 1, seq: 1, t: 9, c: { starts: 3 } })]

const chainOf = (made: StoreFolder) =>
  made.attestation.passportSummary(unitName).entries.map(({ seq, type, leaf }) => [seq, type, leaf])

test('the entries that the gateway signed are signed again, with no gap and no second leaf', async () => {
  const [made, plain] = [open(), open()]
  await plain.feed(begun)
  await plain.feed(used)
  await made.feed(begun)
  await failing(made, () => made.feed(used))
  expect(chainOf(made)).toEqual([[0, 'made', 0]])
  await made.drain()
  expect(chainOf(made)).toEqual(chainOf(plain))
  expect(made.count('leaf')).toBe(plain.count('leaf'))
})

test('a unit that was first met in it gets its number once more', async () => {
  const made = open()
  await failing(made, () => made.feed([...begun, ...used]))
  expect(made.store.queries.units()).toEqual([])
  await made.drain()
  expect(made.count('unit')).toBe(1)
  const { timesUs } = made.store.queries.series({
    ...{ unit: unitName, fromUs: 0, toUs: 4e15, points: 10 },
  })
  expect(timesUs.length).toBeGreaterThan(0)
  expect(chainOf(made).map(([, type]) => type)).toEqual(['made', 'first_used'])
})

test('what a unit was to be asked in it is asked once, when it is kept', async () => {
  const made = open()
  const unit = signerNamed('a unit').did
  const { message } = composeClaim(
    { kind: 'storage', unit, head: null, timeUs: 1 },
    signerNamed('owner'),
    (bytes) => randomBytes(bytes),
  )
  await made.feed([hello({ boot: 1, t: 0, key: unit })])
  await failing(made, () => made.feed([sent({ kind: 'claim', payload: message })]))
  expect(made.commands).toEqual([])
  await made.drain()
  expect(made.commands).toHaveLength(1)
})
