// A profile made ready: positions, fields and the digest that a board states at hello.
import { expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { prepareMachine, profileDigest } from '../../gateway/core/machine.ts'
import { quality, qualityOf } from '../../gateway/core/quality.ts'

test('every signal and counter has one position and one field, estimated ones are uncertain', () => {
  for (const profile of loadProfiles().profiles.values()) {
    const machine = prepareMachine(profile)
    const fields = [...machine.signalFields, ...machine.counterFields]
    expect(new Set(fields).size).toBe(fields.length)
    for (const [name, { estimated }] of Object.entries(profile.signals)) {
      const at = machine.signalIndex.get(name) ?? -1
      expect(Object.keys(profile.signals)[at]).toBe(name)
      expect(machine.defaultQuality[at]).toBe(estimated === true ? quality.uncertain : quality.good)
    }
  }
})

test('the digest is that of the content, whatever the order of names', () => {
  for (const profile of loadProfiles().profiles.values()) {
    const turned = Object.fromEntries(Object.entries(profile).reverse()) as typeof profile
    expect(profileDigest(turned)).toBe(profileDigest(profile))
    expect(profileDigest({ ...profile, version: profile.version + 1 })).not.toBe(
      profileDigest(profile),
    )
  }
})

test('a quality is known by its name on the wire, and nothing else is', () => {
  expect(qualityOf('bad:open')).toBe(quality.bad_open)
  expect(qualityOf('uncertain')).toBe(quality.uncertain)
  expect(qualityOf('bad')).toBe(quality.bad_unspecified)
  for (const text of ['', 'absent', 'bad:', 'bad:none', 'worse']) {
    expect(qualityOf(text)).toBeUndefined()
  }
})
