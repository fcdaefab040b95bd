// What became of every record: the books of each sink, which must add up, and what was kept aside;
// how the sources' peers fare, and what goes to the disk. It counts nothing itself; it only checks
// that the columns add up.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { Books } from '../../core/delivery.ts'
import { api } from './api.ts'
import { words } from './format.ts'
import { linkTable } from './links.ts'
import { quarantineList } from './quarantine.ts'
import { badge, keepAsking, type Page, shown, type View } from './view.ts'
import { writtenTable } from './written.ts'

export const deliveryView = (page: Page): View => {
  const books = keepAsking(api.books, 2000, page.redraw)
  const links = keepAsking(api.links, 2000, page.redraw)
  const written = keepAsking(api.written, 10_000, page.redraw)
  const quarantine = keepAsking(() => api.quarantine(), 3000, page.redraw)
  return {
    title: 'Delivery',
    stop: () => {
      books.stop()
      links.stop()
      written.stop()
      quarantine.stop()
    },
    template: () =>
      html`<h1>Delivery</h1>
        <p class="lead">
          Every record that was acknowledged ends in one of these columns, in every sink:
          received = stored + waiting + quarantined + duplicate + dropped.
        </p>
        <section class="card" aria-labelledby="books-title">
          <h2 id="books-title">Books</h2>
          ${shown(books, table)}
        </section>
        <section class="card" aria-labelledby="links-title">
          <h2 id="links-title">Sources</h2>
          ${shown(links, linkTable)}
        </section>
        <section class="card" aria-labelledby="written-title">
          <h2 id="written-title">Written to the disk</h2>
          ${shown(written, writtenTable)}
        </section>
        <section class="card" aria-labelledby="quarantine-title">
          <h2 id="quarantine-title">Quarantine</h2>
          ${shown(quarantine, (rows) =>
            rows.length === 0
              ? html`<p class="quiet">Nothing is kept aside.</p>`
              : quarantineList(rows),
          )}
        </section>`,
  }
}

const columns = ['Received', 'Stored', 'Waiting', 'Quarantined', 'Duplicate'] as const

const table = (books: readonly Books[]): TemplateResult =>
  html`<div class="scroll" tabindex="0" role="region" aria-label="Books of each sink">
    <table class="stacked">
      <thead>
        <tr>
          <th scope="col">Sink</th>
          ${[...columns, 'Dropped'].map(
            (name) => html`<th scope="col" class="number">${name}</th>`,
          )}
          <th scope="col">Adds up</th>
        </tr>
      </thead>
      <tbody>
        ${books.map(row)}
      </tbody>
    </table>
  </div>`

const row = ({ sink, received, stored, pending, quarantined, duplicate, dropped }: Books) => {
  const reasons = Object.entries(dropped).filter(([, count]) => count > 0)
  const lost = reasons.reduce((sum, [, count]) => sum + count, 0)
  const rest = received - stored - pending - quarantined - duplicate - lost
  return html`<tr>
    <th scope="row">${sink}</th>
    ${[received, stored, pending, quarantined, duplicate].map(
      (count, at) =>
        html`<td class="number" data-label=${columns[at] ?? ''}>${count.toLocaleString()}</td>`,
    )}
    <td class="number" data-label="Dropped">
      ${lost.toLocaleString()}
      ${reasons.map(
        ([reason, count]) => html`<small class="reason">${words(reason)} ${count}</small>`,
      )}
    </td>
    <td data-label="Adds up">
      ${rest === 0 ? badge('yes', 'good') : badge(`off by ${rest.toLocaleString()}`, 'fault')}
      ${rest === 0 ? nothing : html`<span class="quiet">this is a defect: please report it</span>`}
    </td>
  </tr>`
}
