// Quality of a sample, in OPC UA's three classes (OPC 10000-8, 6.3.2): good, uncertain or bad with
// a reason. One byte a sample; absence is a quality, never 0 or NaN.

export const quality = {
  good: 0,
  /** Estimated, not measured. */
  uncertain: 1,
  /** The report does not carry this signal. */
  absent: 2,
  /** Outside the profile's plausible range; the value is kept. */
  bad_out_of_range: 3,
  bad_not_a_number: 4,
  bad_open: 5,
  bad_shorted: 6,
  bad_stuck: 7,
  bad_implausible: 8,
  bad_unspecified: 9,
} as const
export type QualityName = keyof typeof quality
export type QualityCode = (typeof quality)[QualityName]

export const qualityNames = Object.keys(quality) as readonly QualityName[]

/**
 * What a board may say of a signal in "q", such as "bad:open", to its code; undefined if unknown.
 */
export const qualityOf = (text: string): QualityCode | undefined => {
  if (text === 'uncertain' || text === 'good') return quality[text]
  if (text === 'bad') return quality.bad_unspecified
  const name = text.replace(':', '_') as QualityName
  return name.startsWith('bad_') ? quality[name] : undefined
}
