'use strict';
{
  // The card of a file leads to its contents, and to the image without it.
  const card = document.querySelector('#card'), of = new URLSearchParams(location.search), image = of.getAll('image');
  const link = (name, key, path, text) => {
    const to = new URLSearchParams([['image', image[0]], [key, path]]);
    return Object.assign(document.createElement('a'), {href: name + '?' + to, textContent: text});
  };
  const extend = () => {
    const at = card.querySelector('dd')?.textContent || '';
    if (at[0] !== '/' || card.querySelector('a')) return;
    const row = document.createElement('div'), term = document.createElement('dt'), all = document.createElement('dd');
    term.textContent = 'More';
    const file = [...card.querySelectorAll('dt')].some(t => t.textContent === 'Fate');
    if (file) all.append(link('file', 'path', at, 'read it'), ' ');
    all.append(link('simulate', 'without', at, 'without it'));
    row.append(term, all);
    card.append(row);
  };
  if (card && image.length === 1) {
    new MutationObserver(extend).observe(card, {childList: true});
    extend();
  }
  // Advice follows what is typed: the newest request counts.
  const form = document.querySelector('#draft'), advice = document.querySelector('#advice');
  let wait, asked;
  const follow = async more => {
    clearTimeout(wait);
    asked?.abort();
    const mine = asked = new AbortController(), fields = new URLSearchParams(new FormData(form));
    if (more) fields.append('do', more);
    advice.ariaBusy = 'true';
    try {
      const answer = await fetch('draft', {method: 'POST', body: fields, signal: mine.signal}), text = await answer.text();
      if (mine !== asked) return;
      advice.innerHTML = text;
      const applied = advice.querySelector('.applied');
      if (applied) form.elements.text.value = applied.value;
    } catch (e) {
      if (mine !== asked || e.name === 'AbortError') return;
      advice.textContent = 'The server does not answer: is whittle serve still running?';
    }
    advice.ariaBusy = 'false';
  };
  if (form) {
    form.elements.text.addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(follow, 120); });
    advice.addEventListener('click', e => { const to = e.target.value || ''; if (to.startsWith('apply ')) { e.preventDefault(); follow(to); } });
  }
  // A job that goes on sends its lines. When it ends, the page has its result.
  const log = document.querySelector('#log[data-job]');
  if (log) {
    const stream = new EventSource('events?' + new URLSearchParams({id: log.dataset.job, from: log.dataset.from}));
    stream.addEventListener('line', e => {
      const end = log.scrollTop + log.clientHeight >= log.scrollHeight - 30;
      log.append(e.data + '\n');
      if (end) log.scrollTop = log.scrollHeight;
    });
    stream.addEventListener('state', e => {
      document.querySelector('#state').textContent = e.data;
      if (!['queued', 'running'].includes(e.data)) { stream.close(); location.reload(); }
    });
  }
  const again = document.querySelector('[data-again]');
  if (again) setTimeout(() => location.reload(), again.dataset.again);
}
