// The sources' connections to peers outside: since when each stands or is away, when it was last
// heard, and what was said of it. It asks nothing by itself.
import { html, nothing } from 'lit-html'
import type { SourceLink } from '../../core/link.ts'
import { ago } from './format.ts'
import { badge, moment } from './view.ts'

export const linkTable = ({ nowUs, links }: { nowUs: number; links: readonly SourceLink[] }) =>
  links.length === 0
    ? html`<p class="quiet">No source reads from a peer outside.</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Connections of each source">
        <table class="stacked links">
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col">Peer</th>
              <th scope="col">State</th>
              <th scope="col">Since</th>
              <th scope="col">Last heard</th>
              <th scope="col">Said last</th>
            </tr>
          </thead>
          <tbody>
            ${links.map((link) => row(link, nowUs))}
          </tbody>
        </table>
      </div>`

const row = (link: SourceLink, nowUs: number) => {
  const { source, peer, isConnected, isTrouble, sinceUs, heardUs, said } = link
  const kind = isConnected ? (isTrouble ? 'warning' : 'good') : 'fault'
  return html`<tr>
    <th scope="row">${source}</th>
    <td data-label="Peer">${peer}</td>
    <td data-label="State">${badge(isConnected ? 'connected' : 'not connected', kind)}</td>
    <td data-label="Since">${moment(sinceUs)}</td>
    <td data-label="Last heard">
      ${heardUs === undefined ? html`<span class="quiet">nothing yet</span>` : ago(heardUs, nowUs)}
    </td>
    <td data-label="Said last">${isTrouble || !isConnected ? said : nothing}</td>
  </tr>`
}
