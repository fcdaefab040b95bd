// The register of shares: every rule by an example that breaks it, and what must hold for any
// history.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldRegister } from '../../gateway/ledger/fold.ts'
import { foundRegister, type Register } from '../../gateway/ledger/register.ts'
import {
  accepted,
  anyHistory,
  anyRules,
  did,
  lived,
  rules,
  serviced,
  units,
  yearUs,
} from './histories.ts'

const unit = did('drillA')
const ben = did('Ben')
const emi = did('Emi')
const management = did('Mgmt')

const codes = (register: Register): string[] =>
  [...register.refusals.values()].map(({ code }) => code)
const sharesOf = (register: Register, holder: string): bigint => register.holders.get(holder) ?? 0n
const mintedBy = (register: Register): string[] => register.mints.map(({ milestone }) => milestone)

describe('from summoning to a life of proofs', () => {
  test('the founder holds all of it before the first unit', () => {
    const register = foldRegister(rules, [])
    expect(register.supply).toBe(10_000n)
    expect([...register.holders]).toEqual([[did('Ana'), 10_000n]])
  })

  test('an acceptance mints its tranche, 80 % to workers by weight and 20 % to management', () => {
    const workers = [
      { holder: ben, weight: 2 },
      { holder: did('Ceo'), weight: 1 },
    ]
    const register = foldRegister(rules, [accepted(3, { unit, workers })])
    expect(register.mints).toEqual([
      {
        index: 3,
        unit,
        milestone: 'accepted',
        shares: 300n,
        workers: [
          { holder: ben, shares: 160n },
          { holder: did('Ceo'), shares: 80n },
        ],
        management: 60n,
      },
    ])
    expect(register.supply).toBe(10_300n)
    expect(register.covered).toBe(4)
  })

  test('hours and years are paid when they are reached, all that are due at once', () => {
    const entries = [
      accepted(0, { unit, timeUs: 0 }),
      lived(1, { unit, hours: 49.9, timeUs: yearUs - 1 }),
      lived(2, { unit, hours: 50, timeUs: yearUs - 1 }),
      lived(3, { unit, hours: 100, timeUs: yearUs }),
    ]
    expect(mintedBy(foldRegister(rules, entries.slice(0, 2)))).toEqual(['accepted'])
    expect(mintedBy(foldRegister(rules, entries.slice(0, 3)))).toEqual(['accepted', 'hours_50'])
    const register = foldRegister(rules, entries)
    expect(mintedBy(register)).toEqual(['accepted', 'hours_50', 'hours_100', 'years_1'])
    expect(register.units.get(unit)?.minted).toBe(1000n)
    expect(codes(register)).toEqual([])
  })

  test('run time before the acceptance is no offence and pays nothing', () => {
    const register = foldRegister(rules, [lived(0, { unit, hours: 60 })])
    expect(register.mints).toEqual([])
    expect(codes(register)).toEqual([])
    const later = foldRegister(
      rules,
      [accepted(1, { unit, hours: 60 }), lived(2, { unit, hours: 61 })],
      register,
    )
    expect(mintedBy(later)).toEqual(['accepted', 'hours_50'])
  })
})

describe('a repair', () => {
  const start = [accepted(0, { unit, timeUs: 0 }), serviced(1, { unit, hours: 20 })]

  test('moves the weight of the parts once the unit has run on, and creates no share', () => {
    const waiting = foldRegister(rules, [...start, lived(2, { unit, hours: 29.9 })])
    expect(waiting.units.get(unit)?.repairs).toHaveLength(1)
    expect([...(waiting.units.get(unit)?.slots ?? [])]).toEqual([[ben, 1_000_000]])
    const proven = foldRegister(rules, [lived(3, { unit, hours: 30 })], waiting)
    expect([...(proven.units.get(unit)?.slots ?? [])]).toEqual([
      [ben, 650_000],
      [emi, 350_000],
    ])
    expect(proven.supply).toBe(waiting.supply)
    const paid = foldRegister(rules, [lived(4, { unit, hours: 50 })], proven)
    // 105 shares: 84 for workers, 65 : 35.
    expect(sharesOf(paid, ben)).toBe(240n + 55n)
    expect(sharesOf(paid, emi)).toBe(29n)
  })

  test('is paid from the tranches after its proof, whatever the hour of the next entry', () => {
    const late = [
      accepted(0, { unit }),
      serviced(1, { unit, hours: 45 }),
      lived(2, { unit, hours: 100 }),
    ]
    const register = foldRegister(rules, late)
    // Proven at 55 hours: the tranche of 50 hours is the maker's alone, that of 100 is shared.
    expect(sharesOf(register, emi)).toBe(140n)
    expect(sharesOf(register, ben)).toBe(240n + 84n + 260n)
    const tie = [
      accepted(0, { unit }),
      serviced(1, { unit, hours: 40 }),
      lived(2, { unit, hours: 50 }),
    ]
    expect(sharesOf(foldRegister(rules, tie), emi)).toBe(0n)
  })

  test('of all parts moves everything, and never more', () => {
    const parts = ['motor', 'gearbox', 'chuck'].map((part) => ({ part, weightPpm: 400_000 }))
    const whole = [
      accepted(0, { unit }),
      serviced(1, { unit, parts }),
      lived(2, { unit, hours: 10 }),
    ]
    expect([...(foldRegister(rules, whole).units.get(unit)?.slots ?? [])]).toEqual([
      [emi, 1_000_000],
    ])
  })

  test('counts a part that is named twice once', () => {
    const part = { part: 'motor', weightPpm: 350_000 }
    const twice = [
      accepted(0, { unit }),
      serviced(1, { unit, parts: [part, part] }),
      lived(2, { unit, hours: 10 }),
    ]
    expect(foldRegister(rules, twice).units.get(unit)?.slots.get(emi)).toBe(350_000)
  })
})

describe('refused', () => {
  const only = (...entries: Parameters<typeof foldRegister>[1][]) =>
    codes(
      foldRegister(
        rules,
        entries.flatMap((list) => [...list]),
      ),
    )

  test.each([
    ['a simulated unit', accepted(0, { unit, simulated: true }), 'simulated'],
    [
      'no signature of the unit',
      accepted(0, { unit, signers: [did('Dora')] }),
      'not_signed_by_unit',
    ],
    ['no signature of the buyer', accepted(0, { unit, signers: [unit] }), 'not_signed_by_buyer'],
    ['a buyer who built it', accepted(0, { unit, buyer: ben }), 'buyer_is_maker'],
    ['a buyer who is the management', accepted(0, { unit, buyer: management }), 'buyer_is_maker'],
    ['a buyer who is the unit', accepted(0, { unit, buyer: unit }), 'buyer_is_maker'],
    ['nobody who built it', accepted(0, { unit, workers: [] }), 'no_workers'],
    ['a repair before the acceptance', serviced(0, { unit }), 'not_accepted'],
  ])('%s', (_, entry, code) => {
    const register = foldRegister(rules, [entry])
    expect(codes(register)).toEqual([code])
    expect(register.supply).toBe(rules.foundingShares)
  })

  test('a second acceptance, also by another buyer', () => {
    const again = [accepted(0, { unit }), accepted(1, { unit, buyer: did('Fay') })]
    expect(only(again)).toEqual(['already_minted'])
    expect(foldRegister(rules, again).supply).toBe(10_300n)
  })

  test('one claim for two units', () => {
    const claim = 'the same'
    expect(
      only([accepted(0, { unit, claim }), accepted(1, { unit: did('drillB'), claim })]),
    ).toEqual(['claim_used_before'])
  })

  test('a repair twice, unsigned, without parts, or when nothing is left', () => {
    const done = accepted(0, { unit, timeUs: 0 })
    const claim = 'one repair'
    expect(only([done, serviced(1, { unit, claim }), serviced(2, { unit, claim })])).toEqual([
      'claim_used_before',
    ])
    expect(only([done, serviced(1, { unit, signers: [unit] })])).toEqual(['not_signed_by_repairer'])
    expect(only([done, serviced(1, { unit, parts: [] })])).toEqual(['no_parts'])
    const end = lived(1, { unit, hours: 100, timeUs: yearUs })
    expect(only([done, end, serviced(2, { unit, hours: 100 })])).toEqual(['nothing_left'])
  })

  test('hours and repairs of a unit whose key its gateway holds; its acceptance is paid', () => {
    const custody = 'gateway'
    const register = foldRegister(rules, [
      accepted(0, { unit, custody }),
      lived(1, { unit, hours: 10 }),
      lived(2, { unit, hours: 60 }),
      lived(3, { unit, hours: 120 }),
      serviced(4, { unit, hours: 120 }),
    ])
    expect(mintedBy(register)).toEqual(['accepted'])
    expect([...register.refusals.values()]).toEqual([
      { index: 2, unit, type: 'lived', code: 'gateway_key', times: 2 },
      { index: 4, unit, type: 'serviced', code: 'gateway_key', times: 1 },
    ])
  })

  test('a unit that was simulated once, for good', () => {
    const entries = [lived(0, { unit, simulated: true }), accepted(1, { unit })]
    expect(only(entries)).toEqual(['simulated', 'simulated'])
  })

  test('a counter that went back', () => {
    expect(only([accepted(0, { unit, hours: 40 }), lived(1, { unit, hours: 39 })])).toEqual([
      'counter_went_back',
    ])
  })

  test('a register of other rules: a mistake of the program', () => {
    const other = { ...rules, foundingShares: 1n }
    expect(() => foldRegister(rules, [], foundRegister(other))).toThrow(/own rules/)
  })
})

describe('for any rules and any history', () => {
  const sum = (values: Iterable<bigint>): bigint => [...values].reduce((a, b) => a + b, 0n)

  test('shares add up, budgets hold, every mint splits exactly', () => {
    fc.assert(
      fc.property(anyRules, anyHistory, (some, entries) => {
        const register = foldRegister(some, entries)
        const minted = sum([...register.units.values()].map((account) => account.minted))
        expect(register.supply).toBe(some.foundingShares + minted)
        expect(sum(register.holders.values())).toBe(register.supply)
        expect(sum(register.mints.map(({ shares }) => shares))).toBe(minted)
        for (const mint of register.mints) {
          const workers = sum(mint.workers.map(({ shares }) => shares))
          expect(workers * 100n).toBe(mint.shares * BigInt(some.workerPercent))
          expect(workers + mint.management).toBe(mint.shares)
        }
        for (const [did, account] of register.units) {
          const own = register.mints.filter((mint) => mint.unit === did)
          expect(account.minted <= some.unitBudget).toBe(true)
          expect(new Set(own.map(({ milestone }) => milestone)).size).toBe(own.length)
          const slots = [...account.slots.values()].reduce((a, b) => a + b, 0)
          expect(slots).toBe(account.acceptedUs === undefined ? 0 : 1_000_000)
          if (account.gatewayKey || account.simulated) {
            const first = entries.find(
              (entry) => entry.unit === did && (entry.simulated || entry.custody === 'gateway'),
            )
            const after = own.filter(({ index }) => index >= (first?.index ?? 0))
            expect(after.every(({ milestone }) => milestone === 'm0')).toBe(true)
            if (account.simulated && first?.simulated) expect(after).toEqual([])
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a fold can be interrupted anywhere, and repeated entries change nothing', () => {
    fc.assert(
      fc.property(anyRules, anyHistory, fc.nat(60), (some, entries, at) => {
        const all = foldRegister(some, entries)
        const before = foldRegister(some, entries.slice(0, at))
        const kept = structuredClone(before)
        expect(foldRegister(some, entries.slice(at), before)).toEqual(all)
        expect(before).toEqual(kept)
        expect(
          foldRegister(
            some,
            entries.flatMap((entry) => [entry, entry]),
          ),
        ).toEqual(all)
        expect(foldRegister(some, entries, all)).toEqual(all)
      }),
      { numRuns: 300 },
    )
  })

  test('a repair never changes what is minted, only for whom, and at most by its weight', () => {
    const grows = anyHistory.filter((entries) =>
      units.every((one) =>
        entries
          .filter((entry) => entry.unit === one)
          .every((entry, at, own) => entry.runUs >= (own[at - 1]?.runUs ?? 0)),
      ),
    )
    fc.assert(
      fc.property(anyRules, grows, (some, entries) => {
        const register = foldRegister(some, entries)
        const without = foldRegister(
          some,
          entries.map((entry) => (entry.type === 'serviced' ? { ...entry, parts: [] } : entry)),
        )
        expect(register.supply).toBe(without.supply)
        expect(sharesOf(register, management)).toBe(sharesOf(without, management))
      }),
      { numRuns: 200 },
    )
  })

  test('one repair moves at most its weight of each tranche to come', () => {
    const weight = fc.integer({ min: 1, max: 1_000_000 })
    fc.assert(
      fc.property(anyRules, weight, fc.nat(200), (some, weightPpm, hours) => {
        const parts = [{ part: 'motor', weightPpm }]
        const register = foldRegister(some, [
          accepted(0, { unit, timeUs: 0 }),
          serviced(1, { unit, hours, parts }),
          lived(2, { unit, hours: 300, timeUs: 2 * yearUs }),
        ])
        for (const { workers } of register.mints) {
          const all = sum(workers.map(({ shares }) => shares))
          const moved = sum(workers.filter((one) => one.holder === emi).map((one) => one.shares))
          expect(moved * 1_000_000n < all * BigInt(weightPpm) + 1_000_000n).toBe(true)
        }
      }),
    )
  })
})
