// The cards of a unit's life: what is due, what it has been through and who says so, how long it
// was up; what has worn is wear.ts. Declared and measured are told apart; what is not known is
// said so.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { Due, LifecycleStep, UnitLife, UnitShift, UnitUptime } from '../../core/queries.ts'
import { number, quantity, short, words } from './format.ts'
import type { MachineView } from './machine-view.ts'
import { type Asked, badge, moment, shown } from './view.ts'

type Life = Asked<UnitLife>

export const maintenanceCard = (life: Life, machine: MachineView) =>
  html`<section class="card" id="maintenance" aria-labelledby="maintenance-title">
    <h2 id="maintenance-title">Maintenance plan</h2>
    ${shown(life, ({ maintenance, failures }) =>
      maintenance.length === 0
        ? html`<p class="quiet">Its machine file has no plan.</p>`
        : html`<ul class="plan">
              ${maintenance.map((due) => dueRow(due, machine))}
            </ul>
            ${failures.some(({ reconciled }) => !reconciled) ? open(failures) : nothing}`,
    )}
  </section>`

const kinds: Readonly<Record<Due['state'], string>> = {
  ok: 'good',
  due: 'warning',
  overdue: 'fault',
  unknown: 'quiet',
}

const dueRow = (due: Due, { profile }: MachineView): TemplateResult => {
  const { description, state, every, left, by, doneUs, partUs } = due
  const used = left === undefined ? 0 : Math.max(0, Math.min(1, 1 - left / every))
  return html`<li>
    <span>${description} ${badge(state === 'ok' ? 'not due' : state, kinds[state])}</span>
    <span class="quiet">
      ${intervalOf(due, profile.signals)}; ${leftOf(due)}${
        doneUs === undefined ? '; never recorded as done' : html`; done ${moment(doneUs)}`
      }${partUs === undefined ? nothing : html`; new part since ${moment(partUs)}`}
    </span>
    ${
      by === 'condition'
        ? nothing
        : html`<progress max="1" value=${used} aria-label="Part of the interval used">
            ${Math.round(used * 100)} %
          </progress>`
    }
  </li>`
}

const intervalOf = ({ by, of, every, unit }: Due, signals: object): string => {
  if (by === 'calendar') return `every ${number(every, 0)} days`
  const { text, unit: label } = quantity(every, unit)
  const name = words(of).toLowerCase()
  if (of.startsWith('battery_')) return `when ${name} passes ${number(every * 100, 0)} %`
  const named = Object.hasOwn(signals, of) ? `when ${name} passes` : 'every'
  return by === 'condition' ? `${named} ${text} ${label}` : `every ${text} ${label} of ${name}`
}

const leftOf = ({ by, left, unit, state, sinceUs }: Due) => {
  if (by === 'condition') {
    if (state === 'unknown') return 'not measured yet'
    if (state === 'due' && sinceUs === undefined) return 'so now'
    return sinceUs === undefined ? 'has not happened' : html`so since ${moment(sinceUs)}`
  }
  if (left === undefined) return 'nothing to go by yet'
  const days = by === 'calendar' ? { text: number(Math.abs(left), 0), unit: 'days' } : undefined
  const { text, unit: label } = days ?? quantity(Math.abs(left), unit)
  return state === 'overdue' ? `${text} ${label} over` : `${text} ${label} left`
}

const open = (failures: UnitLife['failures']) =>
  html`<h3>Failures without a maintenance record</h3>
    <ul class="plan">
      ${failures
        .filter(({ reconciled }) => !reconciled)
        .map(
          ({ type, part, timeUs }) => html`<li>
            <span>${words(type)} ${badge('unreconciled', 'fault')}</span>
            <span class="quiet">${words(part)} · ${moment(timeUs)}</span>
          </li>`,
        )}
    </ul>`

export const lifecycleCard = (life: Life) =>
  html`<section class="card" id="lifecycle" aria-labelledby="lifecycle-title">
    <h2 id="lifecycle-title">Lifecycle</h2>
    ${shown(
      life,
      ({ steps, parts }) =>
        html`${
          steps.length === 0
            ? html`<p class="quiet">No change has been seen yet.</p>`
            : html`<ul class="events">
                ${steps.map(stepRow)}
              </ul>`
        }
        ${parts.length === 0 ? nothing : partsList(parts)}`,
    )}
  </section>`

/** Each part that was replaced or has failed, with the hours of its own life. */
const partsList = (parts: UnitLife['parts']): TemplateResult =>
  html`<h3>Parts replaced or failed</h3>
    <ul class="plan" id="parts">
      ${parts.map(
        ({ part, serial, fromUs, toUs, hours, failed }) => html`<li>
          <span>
            ${words(part)} ${serial === null ? nothing : html`<code>${serial}</code>`}
            ${
              failed
                ? badge('failed', 'fault')
                : badge(toUs === undefined ? 'in the unit' : 'taken out working', 'quiet')
            }
          </span>
          <span class="quiet">
            ${number(hours, 1)} h of use;
            ${fromUs === undefined ? 'from the beginning' : html`from ${moment(fromUs)}`}
            ${toUs === undefined ? nothing : html`to ${moment(toUs)}`}
          </span>
        </li>`,
      )}
    </ul>`

const stepRow = (step: LifecycleStep): TemplateResult => {
  const { type, timeUs, from, to, refused, declared, author, entrySeq } = step
  return html`<li>
    <span class="dot ${refused === undefined ? 'info' : 'fault'}"></span>
    <div>
      <strong>${words(type)}</strong>
      ${declared ? declaredMark() : badge('measured', 'good')}
      ${entrySeq === undefined ? nothing : badge(`entry ${entrySeq}`, 'signed')}
      <p>
        ${from === null ? 'First heard of' : words(from)} → ${words(to).toLowerCase()}${
          refused === undefined ? nothing : html` — refused: ${refused}`
        }
      </p>
      ${workOf(step)}
      <p class="quiet">
        ${moment(timeUs)}${
          author === undefined
            ? nothing
            : html` · by <code title=${author}>${short(author, 14, 6)}</code>`
        }
      </p>
    </div>
  </li>`
}

const declaredMark = () => badge('declared', 'warning', 'The word of its author, not measured')

const workOf = ({ reason, tasks, out, in: into, parts, failed }: LifecycleStep) => {
  const named = (list: LifecycleStep['out']): string =>
    list.map(({ part, serial }) => `${words(part).toLowerCase()} ${serial}`).join(', ')
  const without = parts.filter((part) => ![...out, ...into].some((known) => known.part === part))
  const lines = [
    reason,
    tasks.length > 0 ? `Done: ${tasks.map((task) => words(task).toLowerCase()).join(', ')}` : '',
    out.length > 0 ? `Out: ${named(out)}` : '',
    into.length > 0 ? `In: ${named(into)}` : '',
    without.length > 0 ? `Replaced: ${without.join(', ')}` : '',
    failed.length > 0 ? `Had failed: ${failed.join(', ')}` : '',
  ]
  return lines.map((line) => (line ? html`<p>${line}</p>` : nothing))
}

const percent = (part: number): string => `${number(Math.floor(part * 1000) / 10, 1)} %`

export const uptimeCard = (life: Life) =>
  html`<section class="card" id="uptime" aria-labelledby="uptime-title">
    <h2 id="uptime-title">Uptime</h2>
    ${shown(
      life,
      ({ uptime, shifts }) =>
        html`${
          uptime === undefined
            ? html`<p class="quiet">It has not reported yet.</p>`
            : uptimeFacts(uptime)
        }
        ${shiftList(shifts)}`,
    )}
  </section>`

const shiftList = (shifts: readonly UnitShift[]): TemplateResult =>
  html`<h3>Shifts</h3>
    ${
      shifts.length === 0
        ? html`<p class="quiet">None is booked, so there is no OEE.</p>`
        : html`<ul class="plan" id="shifts">
            ${shifts.map(shiftRow)}
          </ul>`
    }`

const quietly = (text: string): TemplateResult => html`<span class="quiet">${text}</span>`

const shiftRow = (shift: UnitShift): TemplateResult => {
  const { fromUs, toUs, author, made, good, oee, missing } = shift
  const factor = (name: string, text: string | undefined): string => `${name} ${text ?? 'unknown'}`
  const bounds = (both: UnitShift['availability']): string | undefined => {
    if (both === undefined) return undefined
    const [lower, upper] = [percent(both.lower), percent(both.upper)]
    return lower === upper ? lower : `${lower} to ${upper}`
  }
  return html`<li>
    <span>
      ${moment(fromUs)} to ${moment(toUs)}
      ${oee === undefined ? badge('no OEE', 'quiet') : badge(`OEE ${percent(oee)}`, 'good')}
      ${declaredMark()}
    </span>
    <span class="quiet">
      ${factor('Availability', bounds(shift.availability))},
      ${factor('effectiveness', bounds(shift.effectiveness))},
      ${factor('quality', shift.quality === undefined ? undefined : percent(shift.quality))}
      ${
        made === undefined
          ? nothing
          : `; ${made.count} made (${made.measured ? 'measured' : 'declared'}), ${
              good === undefined ? 'good ones not declared' : `${good} good (declared)`
            }`
      }
      · by <code title=${author}>${short(author, 14, 6)}</code>
    </span>
    ${missing.length === 0 ? nothing : quietly(`Missing: ${missing.join('; ')}.`)}
  </li>`
}

const uptimeFacts = (uptime: UnitUptime): TemplateResult => {
  const { availability, spentS, now, mtbfH, mttrH, hidden, failures } = uptime
  const spent = Object.entries(spentS).filter(([, seconds]) => seconds > 0)
  const all = spent.reduce((sum, [, seconds]) => sum + seconds, 0)
  return html`<p>
      ${
        availability === undefined
          ? html`<span class="quiet">No time to judge by yet.</span>`
          : html`<span class="big">
                ${percent(availability.lower)} to ${percent(availability.upper)}
              </span>
              <span class="quiet">available: silent time taken as down, and as up</span>`
      }
    </p>
    <ul class="plan">
      ${spent.map(([name, seconds]) => {
        const { text, unit } = quantity(seconds, 's')
        const part = all > 0 ? seconds / all : 0
        return html`<li>
          <span>${words(name)} ${name === now ? badge('now') : nothing}</span>
          <span class="quiet">${text} ${unit}</span>
          <progress max="1" value=${part} aria-label=${`Part of time ${words(name)}`}>
            ${percent(part)}
          </progress>
        </li>`
      })}
    </ul>
    <dl class="facts">
      <div><dt>Failures</dt><dd>${failures}</dd></div>
      <div>
        <dt>Mean time between</dt>
        <dd>
          ${
            mtbfH === undefined
              ? (hidden ?? 'not known')
              : `${number(mtbfH.lower, 1)} to ${number(mtbfH.upper, 1)} h`
          }
        </dd>
      </div>
      ${
        mttrH === undefined
          ? nothing
          : html`<div><dt>Mean time to repair</dt><dd>${number(mttrH, 2)} h</dd></div>`
      }
    </dl>`
}
