// Starts the page: asks for profiles and units, follows the address to a view, and draws at most
// once a frame. The views share what is asked here; nothing else is global.
import { html, nothing, render } from 'lit-html'
import type { Profile } from '../../../hardware-profiles/profile.ts'
import type { UnitSummary } from '../../core/queries.ts'
import { api } from './api.ts'
import { deliveryView } from './delivery.ts'
import { durabilityView } from './durability.ts'
import { imagesView } from './images.ts'
import { type MachineView, viewOf } from './machine-view.ts'
import { overview } from './overview.ts'
import { registerView } from './register.ts'
import { unitView } from './unit.ts'
import { keepAsking, type Page, problem, type View } from './view.ts'

const places = [
  { path: '#/', label: 'Units' },
  { path: '#/boards', label: 'Boards' },
  { path: '#/durability', label: 'Durability' },
  { path: '#/register', label: 'Ownership' },
  { path: '#/delivery', label: 'Delivery' },
] as const

const start = (root: HTMLElement): void => {
  const machines = new Map<string, MachineView>()
  let clockAheadUs = 0
  let connected: boolean | undefined
  let view: View | undefined
  let frame = 0

  const redraw = (): void => {
    if (frame !== 0) return
    frame = requestAnimationFrame(() => {
      frame = 0
      draw()
    })
  }
  const profiles = keepAsking(
    async () => {
      const list: Profile[] = await api.profiles()
      for (const profile of list) machines.set(profile.machine, viewOf(profile))
      view?.tick?.()
      return list
    },
    60_000,
    redraw,
  )
  const units = keepAsking(
    async (): Promise<UnitSummary[]> => {
      const answer = await api.units()
      clockAheadUs = answer.nowUs - Date.now() * 1000
      return answer.units
    },
    1000,
    () => {
      view?.tick?.()
      redraw()
    },
  )
  const page: Page = {
    units: () => units.value,
    machine: (name) => machines.get(name),
    profilesKnown: () => profiles.value !== undefined,
    nowUs: () => Date.now() * 1000 + clockAheadUs,
    redraw,
    connected: (yes) => {
      connected = yes
      redraw()
    },
  }
  const draw = (): void => {
    document.title = view === undefined ? 'Tenfold' : `${view.title} · Tenfold`
    const error = units.error ?? profiles.error
    render(
      html`${header(connected)}
        <main id="content" tabindex="-1">
          ${error === undefined ? nothing : problem(error)} ${view?.template()}
        </main>`,
      root,
    )
  }
  const follow = (): void => {
    view?.stop()
    connected = undefined
    view = viewAt(page, location.hash)
    scrollTo(0, 0)
    redraw()
  }
  addEventListener('hashchange', follow)
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) units.refresh()
  })
  root.replaceChildren()
  follow()
}

const viewAt = (page: Page, hash: string): View => {
  const unit = /^#\/unit\/([a-z0-9-]+)$/.exec(hash)?.[1]
  if (unit !== undefined) return unitView(page, unit)
  if (hash === '#/boards') return imagesView(page)
  if (hash === '#/durability') return durabilityView(page)
  if (hash === '#/register') return registerView(page)
  if (hash === '#/delivery') return deliveryView(page)
  return overview(page)
}

const header = (connected: boolean | undefined) =>
  html`<header class="top">
    <a class="brand" href="#/">
      <img src="/gateway/web/page/icon.svg" alt="" width="28" height="28" />
      <span>Tenfold</span>
    </a>
    <nav aria-label="Main">
      ${places.map(
        ({ path, label }) =>
          html`<a href=${path} aria-current=${isHere(path) ? 'page' : nothing}>${label}</a>`,
      )}
    </nav>
    <p class="connection" role="status">
      ${connected === undefined ? nothing : connection(connected)}
    </p>
  </header>`

const connection = (connected: boolean) =>
  html`<span class=${connected ? 'here' : 'lost'}>${connected ? 'Live' : 'Reconnecting…'}</span>`

const isHere = (path: string): boolean => {
  const hash = location.hash
  if (path === '#/') return !places.some((place) => place.path !== '#/' && place.path === hash)
  return path === hash
}

const root = document.getElementById('app')
if (root !== null) start(root)
