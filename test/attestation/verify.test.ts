// What an honest passport says, and how the verdict depends on whom the reader trusts.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { buildPassport } from '../../gateway/attestation/passport.ts'
import { encodePassport, parsePassport } from '../../gateway/attestation/passport-file.ts'
import { parseTrust } from '../../gateway/attestation/trust.ts'
import { type Report, verify } from '../../gateway/attestation/verify.ts'
import { digest, livedWorld, signerNamed } from './world.ts'

const codeOf = (report: Report, name: string): string | undefined => {
  const check = report.checks.find((one) => one.name === name)
  return check && `${check.verdict} ${check.code}`
}

describe('an honest passport', () => {
  const world = livedWorld()
  const text = world.passport('drill-1')

  test('is VALID for a reader who pinned the log and the producer', async () => {
    const report = await verify(text, world.everyone())
    expect(report.verdict).toBe('VALID')
    expect(report.summary).toContain('nothing left out of log gateway.example/log until size 10')
    expect(report.summary).toContain('the unit was not asked')
    expect(report.checks.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
      ...['file pass', 'entries pass', 'chain pass', 'forks pass', 'details pass', 'claims pass'],
      ...['checkpoint pass', 'inclusion pass', 'head pass', 'consistency pass'],
      ...['log_key pass', 'unit_key pass', 'custody pass', 'reality pass'],
      ...['anchor not_asked', 'challenge not_asked', 'dark_hours not_asked'],
    ])
    expect(report.notDetected.join('\n')).toContain('dark hours')
    expect(report.history.map(({ type }) => type)).toEqual([
      ...['made', 'accepted', 'usage', 'usage', 'repaired', 'retired'],
    ])
    expect(report.history[1]?.declaredBy).toBe(signerNamed('buyer').did)
    expect(report.history[1]?.details).toContainEqual({ name: 'note', value: 'by buyer' })
  })

  test('is VALID for a reader who pinned the unit instead of its producer', async () => {
    const unit = world.unit('drill-1').signer.did
    const report = await verify(text, world.trust(`unit ${unit}`))
    expect(report.verdict).toBe('VALID')
    expect(codeOf(report, 'claims')).toBe('unknown claim_author_unknown')
  })

  test.each([
    ['nothing pinned', '', 'unknown log_not_pinned', 'unknown unit_not_pinned'],
    ['log only', `log ${world.vkey()}`, 'pass ok', 'unknown unit_not_pinned'],
    [
      'producer only',
      `producer ${signerNamed('producer').did}`,
      ...['unknown log_not_pinned', 'pass ok'],
    ],
    [
      'the producer pinned as author only',
      `log ${world.vkey()}\nauthor ${signerNamed('producer').did}`,
      ...['pass ok', 'unknown unit_not_pinned'],
    ],
  ])('with %s is UNKNOWN_ROOT', async (_, lines, ...keys) => {
    const report = await verify(text, parseTrust(lines))
    expect(report.verdict).toBe('UNKNOWN_ROOT')
    expect([codeOf(report, 'log_key'), codeOf(report, 'unit_key')]).toEqual(keys)
  })

  test('stays VALID when its owner closes details and withholds a claim, and says so', async () => {
    const passport = parsePassport(text)
    const closed = encodePassport({
      ...passport,
      claims: passport.claims.slice(0, 1),
      disclosures: [],
    })
    const report = await verify(closed, world.everyone())
    expect(report.verdict).toBe('VALID')
    expect(codeOf(report, 'claims')).toBe('unknown claim_withheld')
    expect(report.checks.find(({ name }) => name === 'details')?.detail).toMatch(
      /^0 details opened/,
    )
  })

  test('leaves out entries that no checkpoint covers, and counts them', () => {
    const young = livedWorld()
    young.add('drill-1', { type: 'usage', boot: 9, timeUs: 1, counters: {} })
    const built = buildPassport(young.source(), 'drill-1', {
      signer: young.log,
      oldSizes: [...young.anchored, 0, 99, ...young.anchored],
    })
    expect(built).toMatchObject({ entries: 6, waiting: 1 })
    expect(built.text).toBe(text)
  })

  test('names unknown units, missing checkpoints and a wrong signer', () => {
    const source = world.source()
    const code = (work: () => unknown) => {
      try {
        return work()
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(code(() => buildPassport(source, 'drill-9', { signer: world.log }))).toBe('unknown_unit')
    const unsigned = { ...source, checkpoint: () => undefined }
    expect(code(() => buildPassport(unsigned, 'drill-1', { signer: world.log }))).toBe(
      'no_checkpoint',
    )
    const signer = { ...world.log, name: 'other.example' }
    expect(code(() => buildPassport(source, 'drill-1', { signer }))).toBe('origin_mismatch')
  })
})

describe('what a verdict must say', () => {
  test('simulated units are named and barred from claims', async () => {
    const world = livedWorld({ simulated: true })
    const report = await verify(world.passport('drill-1'), world.everyone())
    expect(report.summary).toMatch(/^VALID \(SIMULATED unit, barred from claims\)/)
    expect(codeOf(report, 'claims')).toBe('unknown simulated_barred')
    expect(codeOf(report, 'reality')).toBe('unknown simulated')
  })

  test('what a gateway signs for a unit reads "reported by gateway"', async () => {
    const world = livedWorld({ custody: 'gateway' })
    const report = await verify(world.passport('drill-1'), world.everyone())
    expect(report.summary).toMatch(/^VALID \(reported by gateway\)/)
    expect(codeOf(report, 'custody')).toBe('unknown reported_by_gateway')
    expect(report.notDetected.join('\n')).toContain('the gateway made up')
  })
})

describe('an anchor on a chain', () => {
  const world = livedWorld()
  const text = world.passport('drill-1')
  const read = async (anchor: { size: number; root: Uint8Array } | undefined) => {
    const report = await verify(text, world.everyone(), { readAnchor: async () => anchor })
    return [report.verdict, codeOf(report, 'anchor')]
  }
  const old = parsePassport(text).consistency[0]
  if (old === undefined) throw new Error('the world has one anchored size')

  test('agrees at the same size, and at an older size by its consistency proof', async () => {
    expect(await read({ size: 10, root: world.root() })).toEqual(['VALID', 'pass ok'])
    expect(await read(old)).toEqual(['VALID', 'pass ok'])
  })

  test('with another root is INVALID', async () => {
    const root = digest('other')
    expect(await read({ size: 10, root })).toEqual(['INVALID', 'fail anchor_mismatch'])
    expect(await read({ size: old.size, root })).toEqual(['INVALID', 'fail anchor_mismatch'])
  })

  test('that cannot be compared is UNKNOWN_ANCHOR, each with its code', async () => {
    const root = digest('other')
    const unknown = 'UNKNOWN_ANCHOR'
    expect(await read({ size: 11, root })).toEqual([unknown, 'unknown older_than_anchor'])
    expect(await read({ size: 3, root })).toEqual([unknown, 'unknown anchor_unproven'])
    expect(await read(undefined)).toEqual([unknown, 'unknown no_anchor'])
    const readAnchor = () => Promise.reject(new Error('no route'))
    const report = await verify(text, world.everyone(), { readAnchor })
    expect(codeOf(report, 'anchor')).toBe('unknown anchor_unreachable')
  })
})

test('the verifier imports attestation and @noble only, so that it runs alone and in a browser', () => {
  const folder = new URL('../../gateway/attestation/', import.meta.url)
  const seen = new Set<string>()
  const outside = new Set<string>()
  const visit = (url: URL): void => {
    if (seen.has(url.href)) return
    seen.add(url.href)
    const source = readFileSync(url, 'utf8')
    const imports = source.matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)'/gms)
    for (const [, from = ''] of imports) {
      if (from.startsWith('.')) visit(new URL(from, url))
      else
        outside.add(
          from
            .split('/')
            .slice(0, from.startsWith('@') ? 2 : 1)
            .join('/'),
        )
    }
    expect(source).not.toMatch(/\bBuffer\.|\bprocess\./)
  }
  visit(new URL('verify.ts', folder))
  expect([...outside].toSorted()).toEqual(['@noble/curves', '@noble/hashes', 'cborg'])
  expect([...seen].every((href) => href.startsWith(folder.href))).toBe(true)
})
