// Who owns the idea: shares follow proven units, and this shows for each what it paid and may
// still pay. Shares are whole numbers of any size: they stay text and are never made a double.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { RegisterSummary } from '../../core/queries.ts'
import { api } from './api.ts'
import { percentOf, shares, short } from './format.ts'
import { keepAsking, type Page, shown, type View } from './view.ts'

export const registerView = (page: Page): View => {
  const register = keepAsking(api.register, 5000, page.redraw)
  return {
    title: 'Ownership',
    stop: register.stop,
    template: () =>
      html`<h1>Ownership</h1>
        <p class="lead">
          The summoner of the idea owns all of it at first. Each unit that is proven to live mints
          from its own fixed budget, for those who made it. The register is a fold of signed
          entries: anyone with the log gets the same one, and no chain is needed.
        </p>
        ${shown(register, template)}`,
  }
}

const template = ({ supply, holders, units }: RegisterSummary): TemplateResult =>
  html`<section class="card" aria-labelledby="holders-title">
      <header class="card-head">
        <h2 id="holders-title">Holders</h2>
        <p><span class="big">${shares(supply)}</span> <span class="quiet">shares</span></p>
      </header>
      <ul class="holders">
        ${holders.map(({ holder, name, shares: held }) => {
          const part = percentOf(held, supply)
          return html`<li>
            <div class="holder">
              ${name === '' ? nothing : html`<strong>${name}</strong>`}
              <code class="quiet" title=${holder}>${short(holder, 14, 6)}</code>
            </div>
            <div class="held">
              <span>${shares(held)}</span> <span class="quiet">${part.text}</span>
            </div>
            <progress max="100" value=${part.value} aria-label="Part held">${part.text}</progress>
          </li>`
        })}
      </ul>
    </section>
    <section class="card" aria-labelledby="minted-title">
      <h2 id="minted-title">Units</h2>
      ${
        units.length === 0
          ? html`<p class="quiet">
              No unit has minted yet: a unit mints when its buyer's acceptance and its life are
              proven.
            </p>`
          : table(units)
      }
    </section>`

const table = (units: RegisterSummary['units']): TemplateResult =>
  html`<div class="scroll" tabindex="0" role="region" aria-label="Shares by unit">
    <table class="stacked">
      <thead>
        <tr>
          <th scope="col">Unit</th>
          <th scope="col" class="number">Minted</th>
          <th scope="col" class="number">Budget</th>
          <th scope="col">Note</th>
        </tr>
      </thead>
      <tbody>
        ${units.map(
          ({ unit, minted, budget, note }) => html`<tr>
            <th scope="row" title=${unit}>${short(unit, 18, 6)}</th>
            <td class="number" data-label="Minted">${shares(minted)}</td>
            <td class="number" data-label="Budget">${shares(budget)}</td>
            <td data-label="Note">${note}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`
