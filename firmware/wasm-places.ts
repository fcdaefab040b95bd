// Which line of a loop's own source makes an instruction that no board may run. What the library of
// the language does is laid at the door of the line that calls it. Best asked of a module that was
// compiled without optimising, where every call is still one. Pure.
import { isLibrary, readSourceMap, type SourcePlace } from './source-map.ts'
import type { Instruction, Wasm, WasmFunction } from './wasm-decode.ts'

/** A line of the loop's own, and the library's function that it calls for it, if any. */
export interface Spot {
  place: SourcePlace
  by?: string
}

/** A call from a function to itself or on a way back to itself. */
export interface Call {
  from: string
  to: string
  place: SourcePlace | undefined
}

export interface Places {
  /** Every line that does it, or calls what does it and is not the loop's own. Each line once. */
  of: (isBad: (instruction: Instruction) => boolean) => Spot[]
  /** Every circle of calls, as the calls that make it. */
  circles: () => Call[][]
}

/** Of the library, or made by the compiler for a class. */
const isForeign = (name: string): boolean =>
  name.startsWith('~lib/') || /#(constructor|get:|set:)/.test(name)

export const placesIn = (wasm: Wasm, sourceMap: string | undefined): Places => {
  const map = readSourceMap(sourceMap)
  const functions = new Map(wasm.functions.map((one) => [one.index, one]))
  const own = (offset: number): SourcePlace | undefined => {
    const place = map.exact(offset)
    return place === undefined || isLibrary(place) ? undefined : place
  }
  return {
    of: (isBad) => {
      const reaches = reaching(functions, isBad)
      const found = [...functions.values()].flatMap(({ name, instructions }) =>
        instructions.flatMap((instruction): Found[] => {
          const callee = functions.get(instruction.callee ?? -1)
          const foreign = callee !== undefined && isForeign(callee.name) && reaches(callee)
          if (name.startsWith('~lib/') || (!foreign && !isBad(instruction))) return []
          const from = instructions[0]?.offset ?? 0
          return [{ offset: instruction.offset, from, ...(foreign && { by: callee.name }) }]
        }),
      )
      const exact = byLine(found, ({ offset }) => own(offset))
      return exact.length > 0 ? exact : byLine(found, ({ offset, from }) => map.own(offset, from))
    },
    circles: () => {
      const called = wasm.exports.flatMap(({ index }) => functions.get(index) ?? [])
      return circlesOf([...called, ...functions.values()], functions, (offset) => map.near(offset))
    },
  }
}

interface Found {
  offset: number
  /** Where its function begins. */
  from: number
  by?: string
}

/** One a line: what the library is called for says more, and else the first of the line. */
const byLine = (
  found: readonly Found[],
  locate: (one: Found) => SourcePlace | undefined,
): Spot[] => {
  const spots = new Map<string, Spot>()
  for (const one of found) {
    const place = locate(one)
    if (place === undefined) continue
    const line = `${place.source}:${place.line}`
    const before = spots.get(line)
    const by = before?.by ?? one.by
    const isFirst = before === undefined || place.column < before.place.column
    spots.set(line, { place: isFirst ? place : before.place, ...(by !== undefined && { by }) })
  }
  return [...spots.values()]
}

/** Whether a function does it, by itself or by what it calls. */
const reaching = (
  functions: ReadonlyMap<number, WasmFunction>,
  isBad: (instruction: Instruction) => boolean,
): ((one: WasmFunction) => boolean) => {
  const known = new Map<number, boolean>()
  const reaches = (one: WasmFunction): boolean => {
    const before = known.get(one.index)
    if (before !== undefined) return before
    known.set(one.index, false)
    const found = one.instructions.some((instruction) => {
      const callee = functions.get(instruction.callee ?? -1)
      return isBad(instruction) || (callee !== undefined && reaches(callee))
    })
    known.set(one.index, found)
    return found
  }
  return reaches
}

/** @param order what is looked at first: a circle is told from where one comes into it */
const circlesOf = (
  order: readonly WasmFunction[],
  functions: ReadonlyMap<number, WasmFunction>,
  locate: (offset: number) => SourcePlace | undefined,
): Call[][] => {
  const done = new Set<number>()
  const found: Call[][] = []
  const visit = (one: WasmFunction, path: readonly (Call & { index: number })[]): void => {
    const since = path.findIndex(({ index }) => index === one.index)
    if (since >= 0) {
      found.push(path.slice(since))
      return
    }
    if (done.has(one.index)) return
    const seen = new Set<number>()
    for (const { callee, offset } of one.instructions) {
      const next = functions.get(callee ?? -1)
      if (next === undefined || seen.has(next.index)) continue
      seen.add(next.index)
      const call = { index: one.index, from: one.name, to: next.name, place: locate(offset) }
      visit(next, [...path, call])
    }
    done.add(one.index)
  }
  for (const one of order) visit(one, [])
  return found
}
