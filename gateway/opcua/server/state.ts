// What a unit does, in the terms of OPC UA for Machinery (OPC 40001-1, 10 and 11): its item state
// and its operation mode, from the values and the lifecycle that its profile explains. Pure.
import type { Profile } from '../../../hardware-profiles/profile.ts'

export type ItemState = 'NotAvailable' | 'OutOfService' | 'NotExecuting' | 'Executing'
export type OperationMode = 'None' | 'Maintenance' | 'Setup' | 'Processing'

export interface Doing {
  lifecycle: string
  /** Newest value of each signal as the profile names it (enums by name), where it is usable. */
  wordOf(signal: string): string | number | undefined
  /** Time since the newest reading; undefined before the first. */
  silentUs: number | undefined
}

const usualSilenceS = 60

/**
 * Silent = NotAvailable; retired, in repair or down = OutOfService; in use = Executing. A profile
 * that does not say what use is leaves a unit that reports NotExecuting.
 */
export const itemStateOf = ({ uptime }: Profile, doing: Doing): ItemState => {
  const { lifecycle, silentUs, wordOf } = doing
  const silenceS = uptime?.silentAfterS ?? usualSilenceS
  if (silentUs === undefined || silentUs > silenceS * 1e6) return 'NotAvailable'
  if (lifecycle === 'retired' || lifecycle === 'in_repair') return 'OutOfService'
  if (uptime === undefined) return 'NotExecuting'
  const down = uptime.down
  if (down !== undefined && includes(down.values, wordOf(down.signal))) return 'OutOfService'
  return includes(uptime.inUse, wordOf(uptime.signal)) ? 'Executing' : 'NotExecuting'
}

const includes = (names: readonly string[], value: string | number | undefined): boolean =>
  typeof value === 'string' && names.includes(value)

/** In repair = Maintenance; before its acceptance = Setup; at work = Processing. */
export const operationModeOf = (lifecycle: string, state: ItemState): OperationMode => {
  if (lifecycle === 'in_repair' || lifecycle === 'refurbished') return 'Maintenance'
  if (state === 'Executing') return 'Processing'
  return lifecycle === 'made' ? 'Setup' : 'None'
}
