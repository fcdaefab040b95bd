// Finds every machine file, loop kind and plant kind by walking their folders, and checks them
// together. There is no registry: a new file or folder is found by itself. It reads files and
// nothing else; what a profile means is hardware-profiles/profile.ts.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ConstantSpec,
  type Kinds,
  type Profile,
  parseProfile,
} from '../hardware-profiles/profile.ts'
import { formatMistakes, type Mistake } from '../hardware-profiles/validate.ts'
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

/** Every mistake of every machine file and loop kind, in one error that a person can act on. */
export class ProfileError extends Error {
  override name = 'ProfileError'
  readonly code = 'profile_wrong'
  readonly remedy =
    'Correct the values named; what a machine file may say is in hardware-profiles/schema.json.'
  readonly mistakes: readonly (Mistake & { file: string })[]
  constructor(mistakes: readonly (Mistake & { file: string })[]) {
    const lines = mistakes.map((m) => formatMistakes(m.file, [m]))
    super(`${lines.length} mistake(s) in machine files:\n${lines.join('\n')}`)
    this.mistakes = mistakes
  }
}

/** Reads and checks everything. Throws one ProfileError that lists all mistakes of all files. */
export const loadProfiles = (folders: Folders = projectFolders): Machines => {
  const found: (Mistake & { file: string })[] = []
  const report = (file: string, mistakes: readonly Mistake[]): void => {
    found.push(...mistakes.map((mistake) => ({ ...mistake, file })))
  }
  const loops = loadLoops(folders.loops, report)
  const plants = loadPlants(folders.plants, report)
  const kinds: Kinds = {
    loops: Object.fromEntries([...loops].map(([name, loop]) => [name, asked(loop)])),
    plants: Object.fromEntries(plants),
  }
  const profiles = new Map<string, Profile>()
  for (const file of machineFiles(folders.profiles)) {
    const name = `hardware-profiles/${file}`
    const value = readJson(join(folders.profiles, file), (m) => report(name, [m]))
    if (value === undefined) continue
    const parsed = parseProfile(value, kinds)
    if (!parsed.ok) {
      report(name, parsed.mistakes)
      continue
    }
    report(name, joinMistakes(parsed.profile, loops))
    profiles.set(parsed.profile.machine, parsed.profile)
  }
  if (found.length > 0) throw new ProfileError(found)
  return { profiles, loops, plants }
}

type Report = (file: string, mistakes: readonly Mistake[]) => void

const loadLoops = (root: string, report: Report): Map<string, LoopKind> => {
  const loops = new Map<string, LoopKind>()
  for (const folder of subfolders(root, 'loop.json')) {
    const file = `firmware/loops/${folder}/loop.json`
    const value = readJson(join(root, folder, 'loop.json'), (m) => report(file, [m]))
    if (value === undefined) continue
    const parsed = parseLoopKind(value, folder)
    if (parsed.ok) loops.set(parsed.loop.kind, parsed.loop)
    else report(file, parsed.mistakes)
  }
  return loops
}

const loadPlants = (root: string, report: Report): Map<string, PlantKind & { folder: string }> => {
  const plants = new Map<string, PlantKind & { folder: string }>()
  for (const folder of subfolders(root, 'plant.json')) {
    const file = `firmware/twin/plants/${folder}/plant.json`
    const value = readJson(join(root, folder, 'plant.json'), (m) => report(file, [m]))
    if (value === undefined) continue
    const plant = value as PlantKind
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

const readJson = (path: string, report: (mistake: Mistake) => void): unknown => {
  const text = readFileSync(path, 'utf8')
  try {
    return JSON.parse(text)
  } catch (error) {
    report({ path: '', value: undefined, message: `is not JSON: ${(error as Error).message}` })
    return undefined
  }
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
