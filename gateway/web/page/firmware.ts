// The firmware of a unit's board, and its update: a file is looked at by the gateway first, which
// sends nothing; what it is and what will happen is shown, and only then can it be sent. Nothing
// is judged here: refusals are the gateway's own, and so is how far it is.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { ReleaseFace, UnitFirmware, UpdateJob } from '../../core/update.ts'
import { api, Refusal } from './api.ts'
import { short, words } from './format.ts'
import { keepAsking, type Page, problem } from './view.ts'

export interface FirmwareCard {
  template(): TemplateResult | typeof nothing
  /** About once a second. */
  tick(): void
  stop(): void
}

/** Longer than any release; the gateway has a bound of its own. */
const largestBytes = 1_500_000

interface Chosen {
  name: string
  /** Base64; absent until it is read. */
  release?: string
  face?: ReleaseFace
  /** It is being looked at, or handed over. */
  busy: string
  error?: { message: string; remedy: string }
}

export const openFirmware = (page: Page, unit: string): FirmwareCard => {
  const asked = keepAsking(() => api.firmware(unit), 5000, page.redraw)
  let chosen: Chosen | undefined
  /** Its answer is still wanted: no other file was chosen meanwhile. */
  const settle = async (file: Chosen, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      const remedy = error instanceof Refusal ? error.remedy : ''
      file.error = { message: (error as Error).message, remedy }
    }
    file.busy = ''
    page.redraw()
  }
  const choose = (event: Event): void => {
    const [file] = (event.currentTarget as HTMLInputElement).files ?? []
    if (file === undefined) return
    const next: Chosen = { name: file.name, busy: `Looking at ${file.name}…` }
    chosen = next
    page.redraw()
    void settle(next, async () => {
      if (file.size > largestBytes) throw tooLong
      next.release = await base64Of(file)
      next.face = await api.checkRelease(unit, next.release)
    })
  }
  const send = (): void => {
    const file = chosen
    if (file?.release === undefined || file.busy !== '') return
    const { release } = file
    file.busy = 'Handing it to the gateway…'
    page.redraw()
    void settle(file, async () => {
      const job = await api.sendUpdate(unit, release)
      asked.value = { board: asked.value?.board ?? null, job }
      if (chosen === file) chosen = undefined
      asked.refresh()
    })
  }
  return {
    tick: () => {
      if (isOpen(asked.value?.job)) asked.refresh()
    },
    stop: asked.stop,
    template: () => {
      const { value } = asked
      if (value === undefined || (value.board === null && value.job === null)) return nothing
      return card(value, chosen, { choose, send })
    },
  }
}

const isOpen = (job: UpdateJob | null | undefined): boolean =>
  job != null && job.state !== 'done' && job.state !== 'failed'

const tooLong = new Refusal(
  'The file is longer than a release for any board.',
  'Take the file .signed that “tenfold build --sign” wrote.',
)

const base64Of = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,?/, ''))
    reader.onerror = () =>
      reject(new Refusal(`${file.name} cannot be read.`, 'Choose it once more.'))
    reader.readAsDataURL(file)
  })

/** So that a file of the same name, built anew, is another choice. */
const forget = ({ currentTarget }: Event): void => {
  ;(currentTarget as HTMLInputElement).value = ''
}

interface Hands {
  choose: (event: Event) => void
  send: () => void
}

const card = ({ board, job }: UnitFirmware, chosen: Chosen | undefined, hands: Hands) =>
  html`<section class="card" id="firmware" aria-labelledby="firmware-title">
    <h2 id="firmware-title">Firmware</h2>
    ${
      board === null
        ? html`<p class="quiet">Its board is not heard just now.</p>`
        : html`<p class="quiet">
            ${board.name}, runs <code title=${board.firmware}>${short(board.firmware, 12, 6)}</code>
          </p>`
    }
    ${job === null ? nothing : progress(job)}
    ${isOpen(job) || board === null ? nothing : form(chosen, hands)}
  </section>`

const form = (chosen: Chosen | undefined, { choose, send }: Hands) =>
  html`<div class="ask">
      <label>
        <span>Update it with a signed release, a file <code>.signed</code></span>
        <input
          type="file"
          accept=".signed"
          ?disabled=${isSending(chosen)}
          @click=${forget}
          @change=${choose}
        />
      </label>
    </div>
    <p class="quiet" role="status">${chosen?.busy}</p>
    ${chosen?.error === undefined ? nothing : problem(chosen.error)}
    ${chosen?.face === undefined ? nothing : offer(chosen, chosen.face, send)}`

/** Handed over; while it is only looked at, another file may be chosen. */
const isSending = (chosen: Chosen | undefined): boolean =>
  chosen?.face !== undefined && chosen.busy !== ''

const offer = (chosen: Chosen, face: ReleaseFace, send: () => void) => {
  const { version, machine, board, signer, digests, bytes, running, refusal } = face
  return html`<dl class="facts" id="release">
      <div><dt>File</dt><dd>${chosen.name}</dd></div>
      <div>
        <dt>Version</dt>
        <dd>${version}${running === undefined ? nothing : html` (runs ${running})`}</dd>
      </div>
      <div><dt>For</dt><dd>${words(machine)} on ${board}</dd></div>
      <div>
        <dt>Signed by</dt>
        <dd>${signer === undefined ? 'nobody it names' : abridged(signer)}</dd>
      </div>
      <div><dt>Profile</dt><dd>${abridged(digests.profile)}</dd></div>
      <div><dt>Firmware</dt><dd>${abridged(digests.firmware)}</dd></div>
      <div><dt>SHA-256 of the file</dt><dd>${abridged(digests.file)}</dd></div>
    </dl>
    ${
      refusal !== undefined
        ? problem(refusal)
        : html`<h3>What will happen</h3>
            <ol class="steps">
              <li>${bytes} bytes go to the slot that does not run; the other stays as it is.</li>
              <li>The board checks signature and digest, and restarts into it on trial.</li>
              <li>Once this gateway has heard it report, it stays; else the board goes back.</li>
            </ol>
            <p>Let go of the machine's control first: nothing is taken while it may move.</p>
            <p class="actions">
              <button class="button" type="button" ?disabled=${isSending(chosen)} @click=${send}>
                Update to version ${version}
              </button>
            </p>`
    }`
}

const abridged = (text: string) => html`<code title=${text}>${short(text, 12, 6)}</code>`

const progress = ({ version, state, sent, total, error }: UpdateJob) => {
  if (error !== undefined) {
    return html`<div id="update">
      <p>The update to version ${version} has failed.</p>
      ${problem(error)}
    </div>`
  }
  const percent = Math.floor((100 * sent) / total)
  const said: Readonly<Record<UpdateJob['state'], string>> = {
    sending: `Sending version ${version}: ${percent} %`,
    restarting: `Version ${version} is there. The board restarts into it.`,
    trying: `Version ${version} runs on trial.`,
    done: `Version ${version} was tried and is kept.`,
    failed: `The update to version ${version} has failed.`,
  }
  return html`<div id="update">
    ${
      state === 'sending'
        ? html`<progress aria-label="Sent" max=${total} value=${sent}></progress>`
        : nothing
    }
    <p role="status">${said[state]}</p>
  </div>`
}
