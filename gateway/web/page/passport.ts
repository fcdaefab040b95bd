// The card of a unit's passport: what its chain of signed entries holds, and how to have it
// checked. This page is a viewer and never the judge: the verdict comes from a verifier that the
// reader got elsewhere.
import { html, nothing } from 'lit-html'
import type { PassportSummary, UnitSummary } from '../../core/queries.ts'
import { api } from './api.ts'
import type { ChallengeButton } from './challenge.ts'
import { short, words } from './format.ts'
import { type Asked, badge, moment, shown } from './view.ts'

const custodies: Readonly<Record<string, string>> = {
  secure_element: 'The unit signs with a key in a secure element.',
  controller_flash: 'The unit signs with a key in its controller.',
  gateway: 'The gateway signs for this unit: entries read “reported by gateway”.',
}
const entriesShown = 12

export const passportCard = (
  { passport, challenge }: { passport: Asked<PassportSummary>; challenge: ChallengeButton },
  { simulated, proof }: Pick<UnitSummary, 'simulated' | 'proof'>,
) =>
  html`<section class="card" id="passport" aria-labelledby="passport-title">
    <header class="card-head">
      <h2 id="passport-title">Passport</h2>
      ${simulated ? badge('not valid for claims', 'simulated') : nothing}
    </header>
    ${shown(passport, (summary) => template(summary, proof, challenge))}
  </section>`

/** Whether the unit has shown that it holds the key that it states. */
const proofMark = (custody: PassportSummary['custody'], proof: UnitSummary['proof']) => {
  if (custody === 'gateway') return nothing
  if (proof === undefined) {
    return badge('not challenged', 'quiet', 'Nothing has asked the unit to prove its key')
  }
  const when = html`<small>${moment(proof.timeUs)}</small>`
  return proof.proven
    ? html`${badge('proven', 'signed', 'The unit has shown that it holds this key')} ${when}`
    : html`${badge(`not proven: ${words(proof.why ?? '').toLowerCase()}`, 'warning')} ${when}`
}

const template = (
  { unit, key, custody, entries, checkpoint }: PassportSummary,
  proof: UnitSummary['proof'],
  challenge: ChallengeButton,
) =>
  html`<dl class="facts">
      <div>
        <dt>Key</dt>
        <dd>
          ${
            key === undefined
              ? 'none'
              : html`<code title=${key}>${short(key, 18, 8)}</code> ${proofMark(custody, proof)}`
          }
        </dd>
      </div>
      <div><dt>Custody</dt><dd>${custodies[custody] ?? custody}</dd></div>
      <div><dt>Entries</dt><dd>${entries.length}</dd></div>
    </dl>
    ${key === undefined || custody === 'gateway' ? nothing : challenge.template()}
    ${
      entries.length === 0
        ? html`<p class="quiet">
            Nothing is signed yet. Lifecycle changes and daily summaries will be.
          </p>`
        : html`<ol class="entries" reversed>
            ${entries.slice(-entriesShown).reverse().map(entryRow)}
          </ol>`
    }
    ${
      checkpoint === undefined
        ? html`<p class="quiet">No checkpoint of the log has been signed yet.</p>`
        : html`<details>
            <summary>Signed checkpoint of the log</summary>
            <pre tabindex="0">${checkpoint}</pre>
          </details>`
    }
    <p class="actions">
      <a class="button" href=${api.passportFile(unit)} download>Download passport</a>
    </p>
    <p class="quiet">
      Check it with a verifier and keys that you got elsewhere, not from this page:
      <code class="command">npx tenfold verify ${unit}.passport.json --trust &lt;keys&gt;</code>
    </p>`

const entryRow = ({ seq, type, timeUs, hash, leaf }: PassportSummary['entries'][number]) =>
  html`<li value=${seq}>
    <div>
      <strong>${words(type)}</strong>
      <span class="quiet">${moment(timeUs)}</span>
    </div>
    <div class="quiet">
      <code title=${hash}>${short(hash, 8, 4)}</code>
      ${leaf === undefined ? 'not in the log yet' : `leaf ${leaf}`}
    </div>
  </li>`
