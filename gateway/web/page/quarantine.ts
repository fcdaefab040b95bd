// Records that were kept aside, each with what was wrong and what to check.
// A payload is shown as text and never as anything else.
import { html, type TemplateResult } from 'lit-html'
import type { QuarantineRow } from '../../core/queries.ts'
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
      </li>`,
    )}
  </ul>`
