// What the schema cannot say of how a machine lives: that each signal, counter and part is there
// and of a fitting kind, that bands have two ends, that no name stands twice. It tells every one.
import type { ProfileData } from './profile.ts'
import { nearest } from './validate.ts'

type Report = (path: string, value: unknown, message: string) => void

interface Place {
  readonly profile: ProfileData
  readonly report: Report
}

export const checkLife = (profile: ProfileData, report: Report): void => {
  const place = { profile, report }
  checkMaintenance(place)
  checkUptime(place)
  checkWear(place)
  profile.events.forEach(({ failure }, i) => {
    if (failure !== undefined) known(place, 'parts', [failure, `/events/${i}/failure`])
  })
}

/** Whether a table of the profile has the name. */
const known = (
  { profile, report }: Place,
  table: 'signals' | 'counters' | 'parts',
  [name, path]: [name: string, path: string],
): boolean => {
  if (Object.hasOwn(profile[table], name)) return true
  const names = Object.keys(profile[table])
  report(path, name, `"${name}" is none of the ${table}${nearest(name, names)}`)
  return false
}

/** A signal that is a quantity, not a word. */
const quantity = (place: Place, name: string, path: string): void => {
  if (!known(place, 'signals', [name, path])) return
  const type = place.profile.signals[name]?.type
  if (type === 'enum' || type === 'boolean') {
    place.report(path, name, `"${name}" is of type ${type}, not a quantity`)
  }
}

const twice = ({ report }: Place, names: readonly string[], path: (i: number) => string): void => {
  names.forEach((name, i) => {
    if (names.indexOf(name) < i) report(path(i), name, `"${name}" is there twice`)
  })
}

const checkMaintenance = (place: Place): void => {
  const { maintenance } = place.profile
  maintenance.forEach((task, i) => {
    const path = `/maintenance/${i}`
    if ('counter' in task) known(place, 'counters', [task.counter, `${path}/counter`])
    if ('signal' in task) quantity(place, task.signal, `${path}/signal`)
    if ('figure' in task && place.profile.wear?.battery === undefined) {
      place.report(`${path}/figure`, task.figure, 'needs "wear" to say which battery')
    }
    if (task.part !== undefined) known(place, 'parts', [task.part, `${path}/part`])
  })
  const tasks = maintenance.map(({ task }) => task)
  twice(place, tasks, (i) => `/maintenance/${i}/task`)
}

const checkUptime = (place: Place): void => {
  const { uptime } = place.profile
  if (uptime === undefined) return
  words(place, { signal: uptime.signal, values: uptime.inUse }, ['/uptime', 'inUse'])
  const { piece } = uptime
  if (piece !== undefined) known(place, 'counters', [piece.counter, '/uptime/piece/counter'])
  if (uptime.down !== undefined) words(place, uptime.down, ['/uptime/down', 'values'])
}

/** Values that an enum or a boolean signal has. */
const words = (
  place: Place,
  { signal, values }: { signal: string; values: readonly string[] },
  [path, list]: [path: string, list: string],
): void => {
  if (!known(place, 'signals', [signal, `${path}/signal`])) return
  const spec = place.profile.signals[signal]
  if (spec?.type !== 'enum' && spec?.type !== 'boolean') {
    place.report(`${path}/signal`, signal, `"${signal}" has no words for its values`)
    return
  }
  const names = spec.values ?? ['false', 'true']
  values.forEach((value, i) => {
    if (names.includes(value)) return
    const message = `"${value}" is no value of ${signal}${nearest(value, names)}`
    place.report(`${path}/${list}/${i}`, value, message)
  })
}

const checkWear = (place: Place): void => {
  const { wear } = place.profile
  if (wear === undefined) return
  if (place.profile.uptime === undefined) {
    place.report('/wear', undefined, 'needs "uptime": only time in use wears')
  }
  const bands = (list: 'histograms' | 'fatigue'): void => {
    wear[list].forEach(({ signal, low, high }, i) => {
      quantity(place, signal, `/wear/${list}/${i}/signal`)
      if (low < high) return
      place.report(`/wear/${list}/${i}/low`, low, `the low end ${low} is not below ${high}`)
    })
  }
  bands('histograms')
  bands('fatigue')
  const signals = wear.histograms.map(({ signal }) => signal)
  twice(place, signals, (i) => `/wear/histograms/${i}/signal`)
  wear.fatigue.forEach(({ part }, i) => {
    known(place, 'parts', [part, `/wear/fatigue/${i}/part`])
  })
  wear.bearings.forEach(({ part, torque, speed }, i) => {
    known(place, 'parts', [part, `/wear/bearings/${i}/part`])
    quantity(place, torque, `/wear/bearings/${i}/torque`)
    quantity(place, speed, `/wear/bearings/${i}/speed`)
  })
  const names = [...wear.fatigue, ...wear.bearings].map(({ name }) => name)
  twice(place, names, () => '/wear')
  if (wear.battery === undefined) return
  known(place, 'parts', [wear.battery.part, '/wear/battery/part'])
  checkBattery(place, wear.battery)
}

type Battery = NonNullable<NonNullable<ProfileData['wear']>['battery']>

const checkBattery = (place: Place, battery: Battery): void => {
  for (const role of ['voltage', 'current', 'duty', 'temperature'] as const) {
    const name = battery[role]
    if (name !== undefined) quantity(place, name, `/wear/battery/${role}`)
  }
  const { cells, capacityC } = battery
  if (cells === undefined) return
  const path = '/wear/battery/cells'
  if (capacityC === undefined) place.report(path, cells, 'needs "capacityC", the rated capacity')
  if (cells.cutoffV < cells.fullV) return
  place.report(`${path}/cutoffV`, cells.cutoffV, `is not below fullV, ${cells.fullV}`)
}
