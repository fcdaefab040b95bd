// The recordings of a unit's black box that the gateway keeps: nothing where there is none. What
// happened in one is replayed by the command that stands beside it, not here.
import { html, nothing } from 'lit-html'
import type { KeptRecording } from '../../core/queries.ts'
import { type Asked, moment, shown } from './view.ts'

export const recordingsCard = (recordings: Asked<KeptRecording[]>, unit: string) =>
  recordings.value?.length === 0
    ? nothing
    : html`<section class="card" id="recordings" aria-labelledby="recordings-title">
        <h2 id="recordings-title">Black box</h2>
        ${shown(
          recordings,
          (list) => html`<ul class="events">
            ${list.toReversed().map(
              ({ number, boot, cause, receivedUs }) => html`<li>
                <span class="dot info"></span>
                <div>
                  <strong>${cause}</strong>
                  <p>Recording ${number}, of boot ${boot}. To run it through the twin:</p>
                  <p>
                    <code class="command"
                      >npx tenfold replay-fault --unit ${unit} --recording ${number}</code
                    >
                  </p>
                  <p class="quiet">fetched ${moment(receivedUs)}</p>
                </div>
              </li>`,
            )}
          </ul>`,
        )}
      </section>`
