// Records that were kept aside, each with what was wrong and what to check, and a way back in.
// A payload is shown as text and never as anything else.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { QuarantineRow } from '../../core/queries.ts'
import { api, Refusal } from './api.ts'
import { words } from './format.ts'
import { badge, moment } from './view.ts'

/** By reason: a flood has hundreds of records and one cause, which is to be read once. */
export const quarantineList = (rows: readonly QuarantineRow[]): TemplateResult =>
  html`<ul class="quarantine">
    ${[...Map.groupBy(rows, ({ sink, reason }) => `${sink} ${reason}`).values()].map(group)}
  </ul>`

const group = ([newest, ...others]: QuarantineRow[]): TemplateResult | typeof nothing =>
  newest === undefined
    ? nothing
    : html`<li>
        <p>${badge(words(newest.reason), 'warning')} <span>${newest.detail}</span></p>
        <p>${newest.remedy}</p>
        ${record(newest)}
        ${
          others.length === 0
            ? nothing
            : html`<details>
                <summary>${others.length} more as ${words(newest.reason)}</summary>
                <ul>
                  ${others.map((row) => html`<li><p>${row.detail}</p>${record(row)}</li>`)}
                </ul>
                <p class="quiet">
                  All at once: <code>npx tenfold quarantine requeue --reason ${newest.reason}</code>
                </p>
              </details>`
        }
      </li>`

const record = ({ sink, offset, receivedUs, topic, payload }: QuarantineRow): TemplateResult =>
  html`<p class="quiet">
      ${moment(receivedUs)} · record ${offset} · ${sink} · <code>${topic}</code>
    </p>
    <details>
      <summary>Payload</summary>
      <pre tabindex="0">${payload}</pre>
    </details>
    <p>
      <button type="button" data-offset=${offset} @click=${takeIn}>Take in again</button>
      <span class="quiet" role="status"></span>
    </p>`

/** Where it worked the record is gone from the list at its next round. */
const takeIn = async ({ currentTarget }: Event): Promise<void> => {
  const button = currentTarget as HTMLButtonElement
  const said = button.nextElementSibling as HTMLElement
  const { offset } = button.dataset
  button.disabled = true
  try {
    await api.requeue(Number(offset))
    said.textContent = ''
  } catch (error) {
    const why = error instanceof Refusal ? `${error.message} ${error.remedy}` : String(error)
    // The place may be another record's by then.
    said.textContent = `Record ${offset}: ${why}`
  }
  button.disabled = false
}
