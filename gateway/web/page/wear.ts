// The card of a unit's wear: rated life used, hours left and what ends them, the battery, time in
// use by band. What was never measured is said so.
import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { BatteryCapacity, UnitLife, UnitWear } from '../../core/queries.ts'
import { number, quantity, words } from './format.ts'
import type { MachineView } from './machine-view.ts'
import { type Asked, shown } from './view.ts'

export const wearCard = (life: Asked<UnitLife>, machine: MachineView) =>
  html`<section class="card" id="wear" aria-labelledby="wear-title">
    <h2 id="wear-title">Wear</h2>
    ${shown(life, ({ wear }) =>
      wear === undefined
        ? html`<p class="quiet">Its machine file names no wear.</p>`
        : wearFacts(wear, machine),
    )}
  </section>`

const wearFacts = (wear: UnitWear, { profile }: MachineView): TemplateResult =>
  html`<dl class="facts">
      <div><dt>In use, as measured here</dt><dd>${number(wear.usedHours, 1)} h</dd></div>
      ${wear.parts.map(
        ({ name, description, used }) => html`<div title=${description}>
          <dt>${words(name)}: rated life used</dt>
          <dd>${used > 0 && used < 0.0001 ? 'below 0.01 %' : `${number(used * 100, 2)} %`}</dd>
        </div>`,
      )}
      <div><dt>Use left</dt><dd>${leftText(wear.left)}</dd></div>
      ${batteryFacts(wear.battery)}
      ${boardFacts(wear.board)}
    </dl>
    <div class="bands">
      ${wear.bands.map((bands) => {
        const spec = profile.signals[bands.signal]
        return bandChart(bands, spec?.unit ?? '1')
      })}
    </div>`

/** Counted by the board over its whole life, also while nobody heard it. */
const boardFacts = (board: UnitWear['board']) =>
  board === undefined
    ? nothing
    : html`<div>
          <dt>In use, as its board counted</dt>
          <dd>
            ${number(board.usedHours, 1)} h, told in its start ${board.boot} after
            ${number(board.toS / 3600, 1)} h
          </dd>
        </div>
        ${board.parts.map(
          ({ name, description, used }) => html`<div title=${description}>
            <dt>${words(name)}, as its board counted</dt>
            <dd>${used > 0 && used < 0.0001 ? 'below 0.01 %' : `${number(used * 100, 2)} %`}</dd>
          </div>`,
        )}`

const leftText = (left: UnitWear['left']) => {
  if (left === undefined) return 'not known yet: it has hardly worked'
  const percent = `${number(left.confidence * 100, 0)} %`
  return html`${rangeOf(left)} (${percent}), by load and condition
    ${
      left.sources.length < 2
        ? nothing
        : html`<ul class="quiet">
            ${left.sources.map(
              (source) => html`<li>
                ${words(source.name)}, by ${source.by}: ${rangeOf(source)}
              </li>`,
            )}
          </ul>`
    }`
}

export const rangeOf = ({
  lower,
  median,
  upper,
}: Pick<NonNullable<UnitWear['left']>, Bounds>): string => {
  const hours = (value: number | null): string =>
    value === null ? 'no end in sight' : `${number(value, value < 10 ? 1 : 0)} h`
  if (lower === null) return hours(null)
  if (median === null) return `${hours(null)}; ${hours(lower)} at the least`
  if (upper === null) return `about ${hours(median)}; ${hours(lower)} at the least`
  return `about ${hours(median)}; ${hours(lower)} to ${hours(upper)}`
}

type Bounds = 'lower' | 'median' | 'upper'

const batteryFacts = (battery: UnitWear['battery']) => {
  if (battery === undefined) return nothing
  const { firstOhm, newestOhm, cycles, capacity } = battery
  const milliohm = (ohm: number): string => `${number(ohm * 1000, 1)} mΩ`
  return html`<div>
      <dt>Battery resistance, first and now</dt>
      <dd>
        ${
          firstOhm === null || newestOhm === null
            ? 'not enough steps of load yet'
            : `${milliohm(firstOhm)}, ${milliohm(newestOhm)}`
        }
      </dd>
    </div>
    ${
      cycles === undefined
        ? nothing
        : html`<div><dt>Full charges drawn, all packs</dt><dd>${number(cycles, 1)}</dd></div>`
    }
    ${
      capacity === undefined
        ? nothing
        : html`<div><dt>Battery capacity</dt><dd>${capacityText(capacity)}</dd></div>`
    }`
}

const capacityText = (capacity: BatteryCapacity): string => {
  const { ratedAh, health, newestAh, recovered, accepted, ended, partial, unseen } = capacity
  const count = `${ended} discharges, ${partial} not from full to empty, ${unseen} not seen whole`
  if (health === null || newestAh === null) return `not measured yet: ${count}`
  const of = `${number(health * 100, 0)} % of ${number(ratedAh, 2)} Ah`
  const newest = `newest ${number(newestAh, 2)} Ah${recovered ? ', recovered after rest' : ''}`
  const { endCycle } = capacity
  const end = endCycle === null ? '' : `; below its end of life since discharge ${endCycle}`
  return `${of} (${newest}; ${accepted} of ${count})${end}`
}

/** Bars of time in use per band: square roots, so that a rare high load can be seen at all. */
const bandChart = ({ signal, low, high, ms }: UnitWear['bands'][number], ucum: string) => {
  const most = Math.max(1, ...ms)
  const width = 8
  const height = 64
  const { unit } = quantity(0, ucum)
  const total = quantity(
    ms.reduce((sum, part) => sum + part, 0),
    'ms',
  )
  const label = `${words(signal)}: time in use by band, ${total.text} ${total.unit} in all`
  return html`<figure>
    <figcaption class="quiet">${words(signal)}</figcaption>
    ${svg`<svg viewBox="0 0 ${width * ms.length} ${height}" role="img" aria-label=${label}
      preserveAspectRatio="none">${ms.map((part, i) => {
        const tall = part === 0 ? 0 : Math.max(1, Math.sqrt(part / most) * (height - 2))
        return svg`<rect x=${i * width} y=${height - tall} width=${width - 1} height=${tall} />`
      })}</svg>`}
    <span class="quiet ends"><span>${low}</span><span>${high} ${unit}</span></span>
  </figure>`
}
