// Patterns of topics that are not ours: literal levels, of which one may hold {unit}. To an MQTT
// filter, and from a topic to what stood in place of {unit}. Pure.

export interface TopicPattern {
  /** As an MQTT filter. */
  readonly filter: string
  /** Whether the topic says which unit it is about. */
  readonly namesUnit: boolean
  /** What stands for {unit}, '' where the pattern has none; undefined where it does not match. */
  match(topic: string): string | undefined
}

const place = '{unit}'

/** undefined where the text is no pattern: wildcards, braces elsewhere, {unit} beside text. */
export const parsePattern = (text: string): TopicPattern | undefined => {
  const levels = text.split('/')
  const index = levels.indexOf(place)
  const others = levels.filter((_, i) => i !== index)
  if (text.startsWith('$') || others.some((level) => /[+#{}\0]/.test(level))) return undefined
  const match = (topic: string): string | undefined => {
    const given = topic.split('/')
    if (given.length !== levels.length) return undefined
    if (!levels.every((level, i) => i === index || level === given[i])) return undefined
    return index < 0 ? '' : given[index]
  }
  const filter = levels.map((level, i) => (i === index ? '+' : level)).join('/')
  return { filter, namesUnit: index >= 0, match }
}
