// Units of measure: the UCUM code that a profile gives, and what the field's tools call it: the
// suffix of a database field, the label a person reads, Grafana's unit id and the UNECE code that
// OPC UA's EUInformation carries (OPC 10000-8, 5.6.4.3). Only units listed here may appear in a
// profile.

export interface Unit {
  /** UCUM code, case sensitive (ucum.org). */
  ucum: string
  /** What a person reads beside a number; empty for a pure number. */
  label: string
  /** Appended to field names, so that a number never loses its unit; empty for a pure number. */
  suffix: string
  /** Grafana's unit id; `suffix:` ids show their own text. */
  grafana: string
  /** UNECE Recommendation 20 common code. */
  unece: string
}

const table: readonly [
  ucum: string,
  label: string,
  suffix: string,
  grafana: string,
  unece: string,
][] = [
  ['1', '', '', 'none', 'C62'],
  ['%', '%', 'pct', 'percent', 'P1'],
  ['A', 'A', 'a', 'amp', 'AMP'],
  ['V', 'V', 'v', 'volt', 'VLT'],
  ['W', 'W', 'w', 'watt', 'WTT'],
  ['Ohm', 'Ω', 'ohm', 'ohm', 'OHM'],
  ['Cel', '°C', 'degc', 'celsius', 'CEL'],
  ['C', 'C', 'c', 'suffix: C', 'COU'],
  ['J', 'J', 'j', 'joule', 'JOU'],
  ['A.h', 'Ah', 'ah', 'suffix: Ah', 'AMH'],
  ['N.m', 'N·m', 'nm', 'forceNm', 'NU'],
  ['{rev}/min', 'rpm', 'rpm', 'rotrpm', 'RPM'],
  ['{rev}', 'rev', 'rev', 'suffix: rev', 'C62'],
  ['deg', '°', 'deg', 'degree', 'DD'],
  ['s', 's', 's', 's', 'SEC'],
  ['ms', 'ms', 'ms', 'ms', 'C26'],
  ['us', 'µs', 'us', 'µs', 'B98'],
  ['h', 'h', 'h', 'h', 'HUR'],
  ['Hz', 'Hz', 'hz', 'hertz', 'HTZ'],
  ['bar', 'bar', 'bar', 'pressurebar', 'BAR'],
  ['kg', 'kg', 'kg', 'masskg', 'KGM'],
  ['mm', 'mm', 'mm', 'lengthmm', 'MMT'],
]

/** Every unit a profile may use, by UCUM code. */
export const units: ReadonlyMap<string, Unit> = new Map(
  table.map(([ucum, label, suffix, grafana, unece]) => [
    ucum,
    { ucum, label, suffix, grafana, unece },
  ]),
)

/** The unit of a UCUM code. Throws on a code that no parsed profile can contain. */
export const unitOf = (ucum: string): Unit => {
  const unit = units.get(ucum)
  if (unit === undefined) throw new RangeError(`no unit with the UCUM code "${ucum}" is known`)
  return unit
}
