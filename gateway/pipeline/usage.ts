// What a board counted by itself, as its outbox delivers it: checked, and taken into the unit's
// life. Values are over the unit's whole life, so that the newest item of each place says all, and
// one that was missed is made good by the next. Pure, in place.
import type { WearSpec } from '../../hardware-profiles/profile.ts'
import {
  readUsageItem,
  usageBins,
  usageCycleBins,
  usageLayout,
} from '../../hardware-profiles/usage.ts'
import type { BoardUsage } from '../lifecycle/board-usage.ts'
import type { Fault } from './decode.ts'

const fault = (reason: Fault['reason'], detail: string): Fault => ({ reason, detail })

/** Takes an item in; one that is not newer than what is known changes nothing. */
export const foldUsage = (
  life: { board: BoardUsage | null },
  item: { boot: number; number: number; data: string },
  wear: WearSpec | undefined,
): Fault | undefined => {
  const usage = readUsageItem(item, Buffer.from(item.data, 'base64'))
  if (usage === undefined) return fault('type_wrong', 'data: no usage as a board of ours packs it')
  const { what, index, first, values, layout, boot, number } = usage
  const spec = what === 'bands' ? wear?.histograms[index] : wear?.fatigue[index]
  if (wear === undefined || spec === undefined || layout !== usageLayout(wear)) {
    return fault('profile_other', `${what} ${index} of layout ${layout}`)
  }
  // What was counted over another grid says nothing of this one.
  if (life.board?.layout !== layout) {
    life.board = { layout, boot: 0, fromS: 0, toS: 0, usedMs: 0, newest: {}, bands: {}, cycles: {} }
  }
  const { board } = life
  const name = what === 'bands' ? spec.signal : (wear.fatigue[index]?.name ?? '')
  const place = `${what}/${name}/${first}`
  const [lastBoot, lastNumber] = board.newest[place] ?? [0, 0]
  if (boot < lastBoot || (boot === lastBoot && number <= lastNumber)) return undefined
  board.newest[place] = [boot, number]
  const table = board[what]
  const counts = table[name] ?? new Array<number>(what === 'bands' ? usageBins : usageCycleBins)
  if (table[name] === undefined) counts.fill(0)
  values.forEach((value, i) => {
    counts[first + i] = value
  })
  table[name] = counts
  if (boot > board.boot || (boot === board.boot && usage.toS >= board.toS)) {
    board.boot = boot
    board.fromS = usage.fromS
    board.toS = usage.toS
    board.usedMs = usage.usedMs
  }
  return undefined
}
