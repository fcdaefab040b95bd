// Rules as data: every mistake is named, equal rules have one digest, and shares split without
// dust. The example in the ledger's README is computed here, number by number.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addAnchorRecord, readAnchorRecords } from '../../gateway/ledger/anchor-records.ts'
import { foldRegister } from '../../gateway/ledger/fold.ts'
import { parseRules, rulesDigest, rulesOf } from '../../gateway/ledger/rules.ts'
import { readRules } from '../../gateway/ledger/rules-file.ts'
import { splitWhole } from '../../gateway/ledger/split.ts'
import { accepted, did, lived, serviced, yearUs } from './histories.ts'

const ledger = join(import.meta.dirname, '..', '..', 'gateway', 'ledger')
const good = {
  idea: 'drill',
  founder: did('Ana'),
  management: did('Mgmt'),
  foundingShares: '1000000000000000000000',
  unitBudget: 15,
  workerPercent: 80,
  tranches: [
    { milestone: 'accepted', kind: 'accepted', atLeast: 0, shares: 5 },
    { milestone: 'hours_9', kind: 'hours', atLeast: 9, shares: 10 },
  ],
  repairProvingHours: 1,
}

describe('rules', () => {
  test('shares beyond a double stay exact', () => {
    expect(rulesOf(good).foundingShares).toBe(10n ** 21n)
  })

  test.each([
    ['not an object', [], /rules is \[\]; it must be an object/],
    ['an unknown key', { ...good, cap: 1 }, /rules\.cap is unknown; known are idea/],
    [
      'a founder without key',
      { ...good, founder: 'Ana' },
      /founder is "Ana"; it must be a did:key/,
    ],
    ['half a share', { ...good, foundingShares: 0.5 }, /foundingShares is 0\.5; it must be whole/],
    [
      'no share',
      { ...good, unitBudget: 0 },
      /unitBudget is 0; it must be whole shares, at least 1/,
    ],
    [
      'an unsafe number',
      { ...good, foundingShares: 2 ** 53 },
      /foundingShares is 9007199254740992/,
    ],
    ['a budget that is not its tranches', { ...good, unitBudget: 16 }, /add up to 15/],
    ['shares that do not split', { ...good, workerPercent: 75 }, /do not split 75 % into whole/],
    [
      'too many percent',
      { ...good, workerPercent: 101 },
      /it must be a whole number from 0 to 100/,
    ],
    ['an unknown kind', tranche({ kind: 'sold' }), /tranches\[1\]\.kind is "sold"/],
    ['a milestone twice', tranche({ milestone: 'accepted' }), /accepted is there twice/],
    ['two acceptances', tranche({ kind: 'accepted', atLeast: 0 }), /exactly one of kind accepted/],
    ['hours without a number', tranche({ atLeast: 0 }), /hours and years need one above 0/],
    ['a name that is none', tranche({ milestone: 'a b' }), /milestone is "a b"/],
  ])('%s', (_, value, words) => {
    const parsed = parseRules(value)
    expect(parsed.ok).toBe(false)
    expect(parsed.ok ? '' : parsed.mistakes.join('\n')).toMatch(words)
  })

  test('all mistakes are told at once', () => {
    const parsed = parseRules({ ...good, founder: '', workerPercent: 'x', repairProvingHours: -1 })
    expect(parsed.ok ? [] : parsed.mistakes).toHaveLength(3)
  })

  test('parsing never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(good)), (value, key) => {
        expect(parseRules(value).ok).toBe(false)
        parseRules({ ...good, [key]: value })
      }),
    )
  })

  test('the digest tells any two rules apart, and not how they were written', () => {
    const reordered = Object.fromEntries(Object.entries(good).reverse())
    expect(rulesDigest(rulesOf(reordered))).toBe(rulesDigest(rulesOf(good)))
    const changes = [
      { idea: 'x' },
      { founder: did('Ben') },
      { management: did('Ben') },
      { foundingShares: 1 },
      { workerPercent: 20 },
      { repairProvingHours: 2 },
      tranche({ atLeast: 10 }),
      tranche({ milestone: 'x' }),
      tranche({ kind: 'years' }),
    ]
    const digests = changes.map((change) => rulesDigest(rulesOf({ ...good, ...change })))
    expect(new Set([...digests, rulesDigest(rulesOf(good))]).size).toBe(changes.length + 1)
  })

  function tranche(change: object) {
    return { ...good, tranches: [good.tranches[0], { ...good.tranches[1], ...change }] }
  }
})

describe('where rules come from', () => {
  test('the usual ones with the gateway’s key, or with the people that the settings name', () => {
    expect(readRules({}, did('Gate'))).toMatchObject({
      founder: did('Gate'),
      management: did('Gate'),
    })
    const named = readRules({ founder: did('Ana'), management: did('Mgmt') }, did('Gate'))
    expect(named).toMatchObject({ founder: did('Ana'), management: did('Mgmt') })
    expect(readRules({ founder: did('Ana') }, did('Gate')).management).toBe(did('Ana'))
  })

  test('a file, which must be there, be JSON and hold rules', () => {
    inFolder((folder) => {
      const file = join(folder, 'rules.json')
      const read = () => readRules({ rules: file }, did('Gate'))
      expect(read).toThrow(expect.objectContaining({ code: 'rules_unreadable' }))
      writeFileSync(file, '{')
      expect(read).toThrow(expect.objectContaining({ code: 'rules_unreadable' }))
      writeFileSync(file, '{}')
      expect(read).toThrow(expect.objectContaining({ code: 'rules_malformed' }))
      writeFileSync(file, JSON.stringify(good))
      expect(read().idea).toBe('drill')
    })
  })
})

test('a split loses nothing and is less than a share away from each quota', () => {
  const weights = fc
    .array(fc.bigInt({ min: 0n, max: 10n ** 9n }), { minLength: 1, maxLength: 12 })
    .filter((list) => list.some((weight) => weight > 0n))
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), weights, (total, list) => {
      const parts = splitWhole(total, list)
      const sum = list.reduce((a, b) => a + b, 0n)
      expect(parts.reduce((a, b) => a + b, 0n)).toBe(total)
      for (const [at, part] of parts.entries()) {
        const distance = part * sum - total * (list[at] ?? 0n)
        expect(-sum < distance && distance < sum).toBe(true)
      }
    }),
  )
})

describe('the README', () => {
  const text = readFileSync(join(ledger, 'README.md'), 'utf8')

  test('has an example whose numbers are those of the fold', () => {
    const [ana, ben, cleo, emil, management] = ['Ana', 'Ben', 'Ceo', 'Emi', 'Mgmt'].map(did)
    if (!ana || !ben || !cleo || !emil || !management) throw new Error('all have names')
    const unit = did('drillA')
    const rules = readRules({ founder: ana, management }, ana)
    const workers = [
      { holder: ben, weight: 2 },
      { holder: cleo, weight: 1 },
    ]
    const entries = [
      accepted(0, { unit, workers, timeUs: 0 }),
      lived(1, { unit, hours: 60 }),
      serviced(2, { unit, hours: 60 }),
      lived(3, { unit, hours: 75 }),
      lived(4, { unit, hours: 80, timeUs: yearUs }),
    ]
    const rows = text.split('\n').filter((line) => /^\| \d\. /.test(line))
    const after = [0, 1, 2, 4, 5].map((count) => {
      const { holders, supply } = foldRegister(rules, entries.slice(0, count))
      return [...[ana, ben, cleo, emil, management].map((one) => holders.get(one) ?? 0n), supply]
    })
    const written = rows.map((row) =>
      row
        .split('|')
        .slice(2, -1)
        .map((cell) => BigInt(cell.trim().replaceAll(',', ''))),
    )
    expect(written).toEqual(after)
  })
})

test('records of anchors survive a torn line and are kept once', () => {
  inFolder((folder) => {
    const record = { chainId: 1, contract: '0x1', origin: 'o', size: 5, root: '00' }
    expect(readAnchorRecords(folder)).toEqual([])
    addAnchorRecord(folder, record)
    writeFileSync(join(folder, 'anchors.ndjson'), '{"chainId":1,"contr', { flag: 'a' })
    addAnchorRecord(folder, { ...record, size: 6 })
    addAnchorRecord(folder, record)
    expect(readAnchorRecords(folder).map(({ size }) => size)).toEqual([5, 6])
  })
})

function inFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-ledger-'))
  try {
    work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
