// What the gateway writes to its disk: since its start, and of a day at that rate, by part. An SD
// card has only so many writes. It shows what was counted, and guesses nothing of the first minute.
import { html, type TemplateResult } from 'lit-html'
import type { Written } from '../../core/queries.ts'
import { moment } from './view.ts'

/** Before so long a day's amount would be a guess, microseconds. */
const measuredUs = 60e6
const dayUs = 86_400e6

export const writtenTable = (written: Partial<Written>): TemplateResult => {
  const { sinceUs, nowUs, totalBytes, logBytes, storeBytes } = written
  if (sinceUs === undefined || nowUs === undefined) {
    return html`<p class="quiet">This gateway does not count what it writes.</p>`
  }
  const spanUs = nowUs - sinceUs
  const row = (name: string, bytes: number | undefined) => {
    const perDay = bytes === undefined || spanUs < measuredUs ? undefined : (bytes * dayUs) / spanUs
    return html`<tr>
      <th scope="row">${name}</th>
      <td class="number" data-label="A day">
        ${perDay === undefined ? 'not known yet' : mega(perDay)}
      </td>
      <td class="number" data-label="Since the start">
        ${bytes === undefined ? 'not counted here' : mega(bytes)}
      </td>
    </tr>`
  }
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Bytes written by part">
      <table class="stacked written">
        <thead>
          <tr>
            <th scope="col">Part</th>
            <th scope="col" class="number">A day, at this rate</th>
            <th scope="col" class="number">Since the start</th>
          </tr>
        </thead>
        <tbody>
          ${row('Log', logBytes)} ${row('Store and sinks', storeBytes)}
          ${row('The whole process', totalBytes)}
        </tbody>
      </table>
    </div>
    <p class="quiet">Counted by the kernel since ${moment(sinceUs)}.</p>`
}

const mega = (bytes: number): string =>
  `${(bytes / 1e6).toLocaleString(undefined, { maximumFractionDigits: 1 })} MB`
