// Lets one new unit in: a button asks the gateway for a pairing code, and shows it with its QR code
// for as long as it is good. The code is nowhere but in this page's memory.
import { html, nothing, svg, type TemplateResult } from 'lit-html'
import { api, Refusal, type ShownPairing } from './api.ts'
import { type Page, problem } from './view.ts'

export interface PairingCard {
  template(): TemplateResult
}

interface Shown {
  offer: ShownPairing
  /** Of the browser's own running time, which nobody sets, milliseconds. */
  untilMs: number
}

export const openPairing = (page: Page): PairingCard => {
  let shown: Shown | undefined
  let isAsking = false
  let error: { message: string; remedy: string } | undefined
  const ask = async (): Promise<void> => {
    if (isAsking) return
    isAsking = true
    error = undefined
    page.redraw()
    try {
      const offer = await api.pair()
      shown = { offer, untilMs: performance.now() + offer.seconds * 1000 }
    } catch (cause) {
      const remedy = cause instanceof Refusal ? cause.remedy : ''
      error = { message: (cause as Error).message, remedy }
    }
    isAsking = false
    page.redraw()
  }
  return {
    template: () => {
      if (shown !== undefined && performance.now() >= shown.untilMs) shown = undefined
      return html`<section class="card" id="pairing" aria-labelledby="pairing-title">
        <h2 id="pairing-title">A new unit</h2>
        <p class="quiet">
          A unit that is not known here yet gets in with a code: it is good for one unit and ten
          minutes, and a new one makes it void.
        </p>
        ${shown === undefined ? nothing : code(shown)}
        ${error === undefined ? nothing : problem(error)}
        <p class="actions">
          <button class="button" type="button" ?disabled=${isAsking} @click=${ask}>
            ${shown === undefined ? 'Show a code' : 'Another code'}
          </button>
        </p>
      </section>`
    },
  }
}

const code = ({ offer: { code, qr }, untilMs }: Shown) =>
  html`<div class="pairing">
    ${picture(qr)}
    <div>
      <p class="big"><code id="pairing-code">${code}</code></p>
      <p class="quiet" role="status" aria-live="off">
        Good for ${Math.max(1, Math.ceil((untilMs - performance.now()) / 60_000))} more minutes
      </p>
    </div>
  </div>`

/** Dark on light whatever the colours of the page: a camera looks for it. */
const picture = (rows: readonly string[]) => {
  const path = rows.flatMap((row, y) =>
    [...row].flatMap((module, x) => (module === '1' ? [`M${x} ${y}h1v1h-1z`] : [])),
  )
  const size = rows.length
  return svg`<svg class="qr" viewBox="0 0 ${size} ${size}" role="img" aria-label="QR code">
    <rect width=${size} height=${size} fill="#fff"></rect>
    <path d=${path.join('')} fill="#000" shape-rendering="crispEdges"></path>
  </svg>`
}
