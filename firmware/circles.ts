// The strongly connected parts of a graph (R. Tarjan, Depth-first search and linear graph
// algorithms, 1972): what can be gone round in, as one. Pure.

interface Place {
  next: readonly { to: number }[]
}

/**
 * Each part before those that it leads to.
 * @param from where ways begin; what they do not lead to is left out
 * @param within the places that are looked at
 */
export const circles = (
  places: readonly Place[],
  from: readonly number[],
  within: ReadonlySet<number>,
): number[][] => {
  const number = new Map<number, number>()
  const low = new Map<number, number>()
  const open: number[] = []
  const isOpen = new Set<number>()
  const groups: number[][] = []
  const lower = (i: number, by: number): void => {
    low.set(i, Math.min(low.get(i) ?? by, by))
  }
  const begin = (i: number) => {
    lower(i, number.size)
    number.set(i, number.size)
    open.push(i)
    isOpen.add(i)
    return { i, edge: 0 }
  }
  const close = (i: number): void => {
    if (low.get(i) !== number.get(i)) return
    const group = open.splice(open.lastIndexOf(i))
    for (const one of group) isOpen.delete(one)
    groups.push(group)
  }
  for (const start of from) {
    if (number.has(start)) continue
    const way = [begin(start)]
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const to = places[last.i]?.next[last.edge]?.to
      last.edge += 1
      if (to === undefined) {
        close(last.i)
        way.pop()
        const before = way.at(-1)
        if (before !== undefined) lower(before.i, low.get(last.i) ?? 0)
      } else if (within.has(to) && !number.has(to)) way.push(begin(to))
      else if (isOpen.has(to)) lower(last.i, number.get(to) ?? 0)
    }
  }
  return groups.reverse()
}
