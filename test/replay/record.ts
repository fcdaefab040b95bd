// Records of the form that the nutrunner's controller exports, made by hand, and totals computed
// straight from the real file, without any code of the product.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadProfiles } from '../../firmware/profiles.ts'
import { type Machine, prepareMachine } from '../../gateway/core/machine.ts'
import { sharedData } from '../data.ts'

const profile = loadProfiles().profiles.get('nutrunner')
if (profile === undefined) throw new Error('there is no profile of the nutrunner')
export const nutrunner: Machine = prepareMachine(profile)

export const recordOf = ({ cycle = 7351 }: { cycle?: number }): Record<string, unknown> => ({
  cycle,
  date: '2021-02-15 14:40:15',
  'tool serial': '520000905',
  'torque unit': 'Nm',
  'total time': '0.042000',
  'tightening steps': [
    {
      speed: -40,
      graph: {
        'angle values': [0, 5.32, 10.64],
        'torque values': [0.5, -1.5, 2],
        'time values': [0, 0.026, 0.042],
      },
    },
  ],
})

/** Path of the real records, or undefined (and one line printed). */
export const cyclesFile = (): string | undefined => {
  const folder = sharedData('nexo-unfastening')
  return folder === undefined ? undefined : join(folder, 'cycles.ndjson')
}

export interface FilePoint {
  timeUs: number
  torque: number
  angle: number
  cycleTime: number
  speed: number
  /** Only at the end of a cycle. */
  cycles: number | null
}

/** Every point of the file, in its order. Dates are taken as UTC. */
export const pointsOf = (path: string, cycles = Number.POSITIVE_INFINITY): FilePoint[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .slice(0, cycles)
    .flatMap((line) => {
      const record = JSON.parse(line)
      const [{ speed, graph }] = record['tightening steps']
      const startUs = Date.parse(`${record.date.replace(' ', 'T')}Z`) * 1000
      const times: number[] = graph['time values']
      return times.map((cycleTime, i) => ({
        timeUs: startUs + Math.round(cycleTime * 1e6),
        torque: graph['torque values'][i],
        angle: graph['angle values'][i],
        cycleTime,
        speed,
        cycles: i === times.length - 1 ? record.cycle : null,
      }))
    })
