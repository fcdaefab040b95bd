// Finds every machine file, loop kind and plant kind by walking their folders, and checks them
// together. There is no registry: a new file or folder is found by itself. It reads files and
// nothing else; what a profile means is hardware-profiles/profile.ts.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type PlaceOf, readJson } from '../hardware-profiles/json-places.ts'
import {
  type ConstantSpec,
  type Kinds,
  type Profile,
  parseProfile,
} from '../hardware-profiles/profile.ts'
import { type Mistake, nearest } from '../hardware-profiles/validate.ts'
import { boardNames } from './boards.ts'
import { shownPath, shownPlace } from './finding.ts'
import { type LoopKind, parseLoopKind } from './loop-kind.ts'

/** A plant kind of the twin: `firmware/twin/plants/<folder>/plant.json`. */
export interface PlantKind {
  kind: string
  description: string
  constants: Readonly<Record<string, ConstantSpec>>
}

export interface Machines {
  /** By machine name. */
  profiles: ReadonlyMap<string, Profile>
  loops: ReadonlyMap<string, LoopKind>
  /** By kind; `folder` is the plant's folder below `firmware/twin/plants`. */
  plants: ReadonlyMap<string, PlantKind & { folder: string }>
  /** By machine name: `hardware-profiles/x.json:12:5` of a JSON pointer in its file. */
  places: ReadonlyMap<string, (pointer: string) => string>
}

export interface Folders {
  profiles: string
  loops: string
  plants: string
}

/** Where the project itself keeps them. */
export const projectFolders: Folders = {
  profiles: join(import.meta.dirname, '..', 'hardware-profiles'),
  loops: join(import.meta.dirname, 'loops'),
  plants: join(import.meta.dirname, 'twin', 'plants'),
}

/** A mistake, the file it is in, and its place there as an editor opens it. */
export type PlacedMistake = Mistake & { file: string; place: string }

/** Every mistake of every machine file and loop kind, in one error that a person can act on. */
export class ProfileError extends Error {
  override name = 'ProfileError'
  readonly code = 'profile_wrong'
  readonly remedy =
    'Correct the values named; what a machine file may say is in hardware-profiles/schema.json.'
  readonly mistakes: readonly PlacedMistake[]
  constructor(mistakes: readonly PlacedMistake[]) {
    const lines = mistakes.map(({ place, path, message }) =>
      path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`,
    )
    super(`${lines.length} mistake(s) in machine files:\n${lines.join('\n')}`)
    this.mistakes = mistakes
  }
}

/** Reads and checks everything. Throws one ProfileError that lists all mistakes of all files. */
export const loadProfiles = (folders: Folders = projectFolders): Machines => {
  const found: PlacedMistake[] = []
  const report: Report = (path, placeOf, mistakes) => {
    const file = shownPath(path)
    for (const mistake of mistakes) {
      found.push({ ...mistake, file, place: shownPlace(path, placeOf(mistake.path)) })
    }
  }
  const loops = loadLoops(folders.loops, report)
  const plants = loadPlants(folders.plants, report)
  const kinds: Kinds = {
    loops: Object.fromEntries([...loops].map(([name, loop]) => [name, asked(loop)])),
    plants: Object.fromEntries(plants),
  }
  const profiles = new Map<string, Profile>()
  const places = new Map<string, (pointer: string) => string>()
  for (const file of machineFiles(folders.profiles)) {
    const path = join(folders.profiles, file)
    const read = readFileAt(path, report)
    if (read === undefined) continue
    const parsed = parseProfile(read.value, kinds)
    if (!parsed.ok) {
      report(path, read.placeOf, parsed.mistakes)
      continue
    }
    const { profile } = parsed
    report(path, read.placeOf, [...joinMistakes(profile, loops), ...boardMistakes(profile)])
    profiles.set(profile.machine, profile)
    places.set(profile.machine, (pointer) => shownPlace(path, read.placeOf(pointer)))
  }
  if (found.length > 0) throw new ProfileError(found)
  return { profiles, loops, plants, places }
}

type Report = (path: string, placeOf: PlaceOf, mistakes: readonly Mistake[]) => void

const loadLoops = (root: string, report: Report): Map<string, LoopKind> => {
  const loops = new Map<string, LoopKind>()
  for (const folder of subfolders(root, 'loop.json')) {
    const path = join(root, folder, 'loop.json')
    const read = readFileAt(path, report)
    if (read === undefined) continue
    const parsed = parseLoopKind(read.value, folder)
    if (parsed.ok) loops.set(parsed.loop.kind, parsed.loop)
    else report(path, read.placeOf, parsed.mistakes)
  }
  return loops
}

const loadPlants = (root: string, report: Report): Map<string, PlantKind & { folder: string }> => {
  const plants = new Map<string, PlantKind & { folder: string }>()
  for (const folder of subfolders(root, 'plant.json')) {
    const read = readFileAt(join(root, folder, 'plant.json'), report)
    if (read === undefined) continue
    const plant = read.value as PlantKind
    plants.set(plant.kind, { ...plant, folder })
  }
  return plants
}

/** Machine files are the JSON files of the folder; `schema.json` is derived, for editors. */
const machineFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json') && name !== 'schema.json' && name !== 'tsconfig.json')
    .sort()

const subfolders = (root: string, holding: string): string[] =>
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(root, entry.name)).includes(holding))
    .map((entry) => entry.name)
    .sort()

const readFileAt = (
  path: string,
  report: Report,
): { value: unknown; placeOf: PlaceOf } | undefined => {
  const read = readJson(readFileSync(path, 'utf8'))
  if (read.ok) return read
  const mistake = { path: '', value: undefined, message: `is not JSON: ${read.message}` }
  report(path, () => read.place, [mistake])
  return undefined
}

/** Pins of a board that there is not would never be looked at. */
const boardMistakes = ({ boards = {} }: Profile): Mistake[] => {
  const known = boardNames()
  return Object.keys(boards)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      path: `/boards/${name}`,
      value: name,
      message: `there is no board "${name}"${nearest(name, known)}; known: ${known.join(', ')}`,
    }))
}

const asked = (loop: LoopKind): Kinds['loops'][string] => ({
  channels: [...loop.inputs, ...loop.outputs, ...loop.states, ...loop.counters].map((c) => c.name),
  constants: loop.constants,
})

/** What only both together show: units, enum names, directions, rate and the order of constants. */
const joinMistakes = (profile: Profile, loops: ReadonlyMap<string, LoopKind>): Mistake[] => {
  const mistakes: Mistake[] = []
  for (const [name, spec] of Object.entries(profile.loops)) {
    const loop = loops.get(spec.kind)
    if (loop === undefined) continue
    const add = (path: string, value: unknown, message: string): void => {
      mistakes.push({ path: `/loops/${name}/${path}`, value, message })
    }
    const { min, max } = loop.rateHz
    if (spec.rateHz < min || spec.rateHz > max || spec.rateHz % 1000 !== 0) {
      add('rateHz', spec.rateHz, `must be a multiple of 1000, from ${min} to ${max}`)
    }
    for (const [low, high] of loop.order) {
      const [a, b] = [spec.constants[low] ?? 0, spec.constants[high] ?? 0]
      if (a >= b) add(`constants/${low}`, a, `must be below ${high}, which is ${b}`)
    }
    const measured = [...loop.inputs, ...loop.outputs, ...loop.states]
    for (const channel of [...measured, ...loop.counters]) {
      const target = spec.channels[channel.name] ?? ''
      const table = measured.includes(channel) ? profile.signals : profile.counters
      const given = table[target]
      const path = `channels/${channel.name}`
      if (given === undefined)
        add(path, target, 'is a signal where a counter is due, or vice versa')
      else if (given.unit !== channel.unit) {
        add(path, target, `has the unit ${given.unit}; the loop gives ${channel.unit}`)
      } else if (!sameNames(channel.values, 'values' in given ? given.values : undefined)) {
        add(path, target, `must list the values ${channel.values?.join(', ') ?? '(none)'}`)
      }
    }
  }
  return mistakes
}

const sameNames = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  (a ?? []).join() === (b ?? []).join()
