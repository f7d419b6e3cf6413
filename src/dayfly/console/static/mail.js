// Shows new mail as it comes, by loading the list again; no framework.
const live = document.getElementById('live')
const events = new EventSource('/_dayfly/mail/events')
events.onopen = () => { live.hidden = false }
events.onerror = () => { live.hidden = true }

let loading = false
async function refresh () {
  if (loading) return
  loading = true
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
    document.getElementById('count').textContent = fresh.getElementById('count').textContent
    const old = document.querySelector('#messages, .nothing')
    old.replaceWith(fresh.querySelector('#messages, .nothing'))
  } finally {
    loading = false
  }
}
events.addEventListener('mail', refresh)

document.getElementById('empty').addEventListener('click', async () => {
  await fetch('/_dayfly/mail', { method: 'DELETE' })
  refresh()
})
