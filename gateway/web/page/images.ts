// The images of this gateway's machines for download, with the steps that put them on a board. What
// no emulator has shown is said before the download, not after.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { ImageFace } from '../../core/queries.ts'
import { api } from './api.ts'
import { short, words } from './format.ts'
import { keepAsking, type Page, shown, type View } from './view.ts'

export const imagesView = (page: Page): View => {
  const images = keepAsking(api.images, 600_000, page.redraw)
  return {
    title: 'Boards',
    stop: images.stop,
    template: () =>
      html`<h1>Boards</h1>
        <p class="lead">
          Ready images of the machines' control loops. They are built from the sources of this
          gateway, byte for byte: anybody with the compiler gets the same file.
        </p>
        ${shown(images, list)}`,
  }
}

const list = (images: readonly ImageFace[]): TemplateResult =>
  images.length === 0
    ? html`<p class="quiet">There is no image: no machine file names the pins of a board.</p>`
    : html`${images.map(card)}`

const card = ({ name, machine, title, bytes, digest, ...image }: ImageFace): TemplateResult => {
  const [usual = 'bin', ...others] = image.forms
  return html`<section class="card" aria-labelledby=${name}>
    <header class="card-head">
      <h2 id=${name}>${words(machine)}</h2>
      <p class="quiet">${title}</p>
    </header>
    <ol class="steps">
      ${image.steps.map((step) => html`<li>${step}</li>`)}
    </ol>
    <p class="actions">
      <a class="button" href=${api.imageFile(name, usual)} download>Download .${usual}</a>
      ${others.map((form) => html`<a href=${api.imageFile(name, form)} download>.${form}</a> `)}
      <a href=${api.imageFile(name, 'json')} download>Manifest</a>
    </p>
    <p class="quiet">
      Or, with the board plugged in:
      <code class="command">npx tenfold flash --profile ${machine.replaceAll('_', '-')}</code>
    </p>
    ${image.takesUpdates ? updates : nothing}
    <dl class="facts">
      <div><dt>Size</dt><dd>${bytes} bytes</dd></div>
      <div><dt>SHA-256</dt><dd><code title=${digest}>${short(digest, 12, 6)}</code></dd></div>
    </dl>
    ${image.unproven.length === 0 ? nothing : unproven(image.unproven)}
  </section>`
}

const updates = html`<p class="quiet">
  It brings a bootloader. It takes signed updates from this gateway after a release key was
  pinned, with a hand at the machine's control:
  <code class="command">npx tenfold command &lt;unit&gt; trust &lt;did:key&gt;</code>
</p>`

const unproven = (lines: readonly string[]): TemplateResult =>
  html`<details open>
    <summary>Not proven on a real board</summary>
    <ul>
      ${lines.map((line) => html`<li>${line}</li>`)}
    </ul>
  </details>`
