// Records that were kept aside, each with what was wrong and what to check, and a way back in.
// A payload is shown as text and never as anything else.
import { html, type TemplateResult } from 'lit-html'
import type { QuarantineRow } from '../../core/queries.ts'
import { api, Refusal } from './api.ts'
import { words } from './format.ts'
import { badge, moment } from './view.ts'

export const quarantineList = (rows: readonly QuarantineRow[]): TemplateResult =>
  html`<ul class="quarantine">
    ${rows.map(
      ({ sink, offset, receivedUs, topic, payload, reason, detail, remedy }) => html`<li>
        <p>
          ${badge(words(reason), 'warning')} <span>${detail}</span>
        </p>
        <p>${remedy}</p>
        <p class="quiet">
          ${moment(receivedUs)} · record ${offset} · ${sink} · <code>${topic}</code>
        </p>
        <details>
          <summary>Payload</summary>
          <pre tabindex="0">${payload}</pre>
        </details>
        <p>
          <button type="button" data-offset=${offset} @click=${takeIn}>Take in again</button>
          <span class="quiet" role="status"></span>
        </p>
      </li>`,
    )}
  </ul>`

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
