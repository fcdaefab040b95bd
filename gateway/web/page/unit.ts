// One unit: live charts, what it is doing, totals, events and passport.
// A unit that the gateway does not know is not asked about.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { LiveReading } from '../../core/live.ts'
import { quality, qualityNames } from '../../core/quality.ts'
import type {
  KeptRecording,
  PassportSummary,
  QuarantineRow,
  StoredEvent,
  UnitLife,
  UnitSummary,
} from '../../core/queries.ts'
import { api } from './api.ts'
import { type ChallengeButton, openChallenge } from './challenge.ts'
import { type FirmwareCard, openFirmware } from './firmware.ts'
import { quantity, words } from './format.ts'
import { lifecycleCard, maintenanceCard, uptimeCard } from './life.ts'
import { openLive } from './live.ts'
import { type MachineView, type ShownSignal, severityOf, valueText } from './machine-view.ts'
import { passportCard } from './passport.ts'
import { quarantineList } from './quarantine.ts'
import { recordingsCard } from './recordings.ts'
import { UnitCharts } from './unit-charts.ts'
import {
  type Asked,
  badge,
  estimatedMark,
  keepAsking,
  moment,
  type Page,
  shown,
  simulatedMark,
  since,
  type View,
} from './view.ts'
import { wearCard } from './wear.ts'

export const unitView = (page: Page, unit: string): View => {
  let open: OpenUnit | undefined
  /** A unit that the gateway does not know is not asked about. */
  const begin = (): void => {
    if (find(page, unit) !== undefined) open ??= openUnit(page, unit)
    open?.tick()
  }
  begin()
  return {
    title: unit,
    tick: begin,
    stop: () => open?.stop(),
    template: () => {
      const summary = find(page, unit)
      if (page.units() === undefined) return html`<p class="quiet">Loading…</p>`
      if (summary === undefined || open === undefined) return unheardOf(unit)
      return unitTemplate(page, summary, open)
    },
  }
}

const unitTemplate = (page: Page, summary: UnitSummary, open: OpenUnit): TemplateResult => {
  const machine = page.machine(summary.machine)
  const newest = open.newest()
  return html`${heading(page, summary, { machine, newest })}
    <div class="columns">
      <div class="main">
        ${open.charts()?.template() ?? (page.profilesKnown() ? noProfile(summary) : nothing)}
        <div class="history">
          ${eventsCard(open.events)} ${recordingsCard(open.recordings, summary.unit)}
          ${passportCard(open, summary)}
          ${lifecycleCard(open.life)} ${uptimeCard(open.life)}
          ${machine === undefined ? nothing : wearCard(open.life, machine)}
        </div>
      </div>
      <div class="side">
        ${countersCard(summary, machine)}
        ${machine === undefined ? nothing : maintenanceCard(open.life, machine)}
        ${machine === undefined ? nothing : signalsCard(summary, machine, newest)}
        ${open.firmware.template()} ${deliveryCard(summary, open.quarantine)}
      </div>
    </div>`
}

/** What is asked about a unit while it is looked at. */
interface OpenUnit {
  events: Asked<StoredEvent[]>
  recordings: Asked<KeptRecording[]>
  passport: Asked<PassportSummary>
  life: Asked<UnitLife>
  quarantine: Asked<QuarantineRow[]>
  firmware: FirmwareCard
  challenge: ChallengeButton
  newest(): LiveReading | undefined
  /** undefined while its machine's profile is unknown. */
  charts(): UnitCharts | undefined
  tick(): void
  stop(): void
}

const openUnit = (page: Page, unit: string): OpenUnit => {
  const events = keepAsking(() => api.events(unit), 3000, page.redraw)
  const recordings = keepAsking(() => api.recordings(unit), 10_000, page.redraw)
  const passport = keepAsking(() => api.passport(unit), 5000, page.redraw)
  const life = keepAsking(() => api.life(unit), 5000, page.redraw)
  const quarantine = keepAsking(() => api.quarantine(unit), 5000, page.redraw)
  const firmware = openFirmware(page, unit)
  const challenge = openChallenge(page, unit)
  let charts: UnitCharts | undefined
  let newest: LiveReading | undefined
  let away = false
  const close = openLive(unit, {
    connected: (yes) => {
      page.connected(yes)
      if (yes && away) void charts?.load()
      away = !yes
    },
    readings: (readings) => {
      newest = readings.at(-1) ?? newest
      charts?.append(readings)
    },
  })
  return {
    events,
    recordings,
    passport,
    life,
    quarantine,
    firmware,
    challenge,
    newest: () => newest,
    charts: () => charts,
    tick: () => {
      const machine = page.machine(find(page, unit)?.machine ?? '')
      if (machine !== undefined) charts ??= new UnitCharts(page, unit, machine)
      charts?.tick()
      firmware.tick()
    },
    stop: () => {
      close()
      charts?.stop()
      for (const one of [events, recordings, passport, life, quarantine, firmware]) one.stop()
    },
  }
}

const find = (page: Page, unit: string): UnitSummary | undefined =>
  page.units()?.find((summary) => summary.unit === unit)

interface Shown {
  machine: MachineView | undefined
  newest: LiveReading | undefined
}

/** The live value where there is one, else the newest stored. */
const valueNow = (
  { index, name }: ShownSignal,
  summary: UnitSummary,
  newest: LiveReading | undefined,
): number | null | undefined =>
  newest === undefined ? summary.values[name]?.value : newest.values[index]

const heading = (page: Page, summary: UnitSummary, { machine, newest }: Shown): TemplateResult =>
  html`<header class="unit-head">
      <p class="crumb"><a href="#/">Units</a></p>
      <div class="unit-title">
        <h1>${summary.unit}</h1>
        <p class="quiet">
          ${machine?.profile.title ?? words(summary.machine)} · boot ${summary.boot} ·
          ${since(summary.lastTimeUs, page.nowUs())}
        </p>
      </div>
      <div class="badges" role="status" aria-live="off">
        ${badge(words(summary.lifecycle), 'lifecycle', 'Lifecycle')}
        ${machine?.states.map((signal) => {
          const value = valueNow(signal, summary, newest)
          const severity = severityOf(machine.profile, signal, value)
          const text = `${signal.label}: ${valueText(signal, value).toLowerCase()}`
          return badge(text, severity, signal.description)
        })}
        ${summary.simulated ? simulatedMark() : nothing}
      </div>
    </header>
    ${
      summary.simulated
        ? html`<p class="notice">
            <strong>Simulated, not valid for claims.</strong> A twin stands in for the machine: its
            entries prove nothing and earn no shares.
          </p>`
        : nothing
    }`

const unheardOf = (unit: string): TemplateResult =>
  html`<p class="crumb"><a href="#/">Units</a></p>
    <h1>${unit}</h1>
    <div class="card empty">
      <h2>This gateway has not heard of ${unit}</h2>
      <p>
        A unit is known from its first hello on. To find out where its messages stay, run
        <code class="command">npx tenfold doctor ${unit}</code>
      </p>
    </div>`

const noProfile = ({ machine }: UnitSummary) =>
  html`<div class="card empty">
    <h2>No profile of the machine “${machine}”</h2>
    <p>Without it nobody can say what its numbers mean: add its file to hardware-profiles.</p>
  </div>`

const countersCard = (summary: UnitSummary, machine: MachineView | undefined) =>
  html`<section class="card" aria-labelledby="counters-title">
    <h2 id="counters-title">Counters</h2>
    <dl class="totals wide">
      ${Object.entries(summary.counters).map(([name, value]) => {
        const spec = machine?.profile.counters[name]
        const { text, unit } = quantity(value, spec?.unit ?? '1')
        return html`<div title=${spec?.description ?? nothing}>
          <dt>${words(name)}</dt>
          <dd>${text} <small>${unit}</small></dd>
        </div>`
      })}
    </dl>
  </section>`

const signalsCard = (
  summary: UnitSummary,
  { others }: MachineView,
  newest: LiveReading | undefined,
) =>
  others.length === 0
    ? nothing
    : html`<section class="card" aria-labelledby="signals-title">
        <h2 id="signals-title">Other signals</h2>
        <dl class="facts">
          ${others.map((signal) => {
            const code = newest?.quality[signal.index]
            const named =
              code === undefined ? summary.values[signal.name]?.quality : qualityNames[code]
            const plain = named === undefined || named === qualityNames[quality.good]
            return html`<div title=${signal.description}>
              <dt>${signal.label}</dt>
              <dd>
                ${valueText(signal, valueNow(signal, summary, newest))}
                ${signal.estimated ? estimatedMark() : nothing}
                ${plain || signal.estimated ? nothing : badge(words(named), 'warning')}
              </dd>
            </div>`
          })}
        </dl>
      </section>`

const eventsCard = (events: Asked<StoredEvent[]>) =>
  html`<section class="card" id="events" aria-labelledby="events-title">
    <h2 id="events-title">Events</h2>
    ${shown(events, (list) =>
      list.length === 0
        ? html`<p class="quiet">Nothing has happened yet.</p>`
        : html`<ul class="events">
            ${list.map(
              ({ type, severity, timeUs, cause, attested, description }) => html`<li>
                <span class="dot ${severity}" title=${severity}></span>
                <div>
                  <strong>${words(type)}</strong>
                  ${attested ? badge('signed', 'signed', "In the unit's signed chain") : nothing}
                  <p>${description}</p>
                  <p class="quiet">${moment(timeUs)} · <code>${cause}</code></p>
                </div>
              </li>`,
            )}
          </ul>`,
    )}
  </section>`

const deliveryCard = (
  { readings, missing, duplicates, quarantined, skewUs }: UnitSummary,
  quarantine: Asked<QuarantineRow[]>,
) =>
  html`<section class="card" aria-labelledby="delivery-title">
    <h2 id="delivery-title">Delivery</h2>
    <dl class="totals wide">
      ${Object.entries({ readings, missing, duplicates, quarantined }).map(
        ([name, value]) =>
          html`<div><dt>${words(name)}</dt><dd>${value.toLocaleString()}</dd></div>`,
      )}
      ${
        skewUs === undefined
          ? nothing
          : html`<div><dt>Clock off by</dt><dd>${(skewUs / 1e6).toFixed(1)} s</dd></div>`
      }
    </dl>
    ${quarantined > 0 ? shown(quarantine, (rows) => quarantineList(rows)) : nothing}
  </section>`
