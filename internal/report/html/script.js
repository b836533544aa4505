'use strict';
// The filter means here what it means in package view: a test compares them.
// What is delivered has neither comments nor indentation (delivered in html.go):
// no text goes over a line's end or has an arrow, no comment follows code, and
// statements end with a semicolon.
const lower = s => s.replace(/[A-Z]+/g, x => x.toLowerCase());
const normal = s => lower(s).replace(/[-_.]+/g, '-');
function bytes(n) {
  if (n < 0) return '-' + bytes(-n);
  if (n < 1000) return n + ' B';
  const [unit, name, digits] = n < 999950 ? [1e3, ' kB', 1] : n < 999950000 ? [1e6, ' MB', 1] : [1e9, ' GB', 2];
  const x = n / unit, half = x * (digits > 1 ? 8 : 4) % 4 === 1;
  // A half goes to the even digit.
  return (half ? x - 0.001 : x).toFixed(digits) + name;
}
const count = n => n.toLocaleString('en');
const share = (n, all) => { const p = n * 100 / (all || 1); return n && p < 0.1 ? '< 0.1 %' : p.toFixed(p < 10 || p >= 99.5 && n !== all ? 1 : 0) + ' %'; };
function range(text, form) {
  const num = s => {
    const m = form.exec(lower(s));
    if (!m) throw `"${s}" is no number or size`;
    return Math.round(m[1] * (m[4] === 'ib' ? 1024 : 1000) ** ' kmgt'.indexOf(m[3] || ' '));
  };
  let [low, high] = text.split(/\.\.(.*)/);
  if (high !== undefined) [low, high] = [num(low), num(high)];
  else {
    const op = /^([<>]?)(=?)/.exec(text), n = num(text.slice(op[0].length));
    low = op[1] === '<' ? 0 : n + (op[0] === '>');
    high = op[1] === '>' ? Infinity : n - (op[0] === '<');
  }
  if (low > high) throw `"${text}" is empty`;
  return {low, high};
}
const number = /^(\d+)$/, size = /^\s*(\d+\.?\d*|\.\d+)\s*(([kmgt])(ib|b)?|b)?\s*$/;
const textOf = text => ({text});
const oneOf = words => v => { if (!words.split(' ').includes(lower(v))) throw `"${v}" is none of ${words}`; return {text: lower(v)}; };
const fields = {
  __proto__: null,
  path: textOf, pkg: textOf, cat: textOf, rule: textOf, base: oneOf('yes no'),
  size: v => range(v, size), layer: v => range(v, number),
  line: v => { const [, text, lines] = /^(?:(.*):)?(.*)$/s.exec(v); return {text, ...range(lines, number)}; },
  ext: v => ({text: /^\(?none\)?$/i.test(v) ? '(none)' : '.' + lower(v).replace(/^\./, '')}),
  wasted: oneOf('yes no deleted replaced metadata identical'),
};
function parseQuery(text) {
  const terms = [], space = ' \t\r\n';
  let at = 0;
  const value = ends => {
    let out = '', quoted = false;
    for (; at < text.length && (quoted || !ends.includes(text[at])); at++) {
      if (text[at] === '"') { quoted = !quoted; continue; }
      if (quoted && text[at] === '\\' && '"\\'.includes(text[at + 1] || ' ')) at++;
      out += text[at];
    }
    if (quoted) throw 'a quote is open';
    return out;
  };
  for (; at < text.length; at++) {
    if (space.includes(text[at])) continue;
    const not = text[at] === '-', values = [];
    at += not;
    const m = /^([a-zA-Z]+):/.exec(text.slice(at)), field = m ? lower(m[1]) : '';
    if (m && !fields[field]) throw 'fields: ' + Object.keys(fields);
    at += m ? field.length : -1;
    do {
      at++;
      const v = value(m ? space + ',' : space);
      if (!v) throw 'a value is missing';
      values.push((fields[field] || textOf)(v));
    } while (m && text[at] === ',');
    terms.push({not, field, values});
  }
  return terms;
}
const pattern = (s, end) => new RegExp('^' + s.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '[^]*').replace(/\?/g, '[^]') + end);
const zero = () => ({v: 0, size: 0, wasted: 0, files: 0, base: 0});
class Model {
  constructor(data) {
    Object.assign(this, data);
    const {n, p} = this.folders;
    this.path = [];
    n.forEach((name, i) => this.path.push(i ? this.path[p[i]] + '/' + name : ''));
    this.lower = this.path.map(lower);
    this.names = this.rows.n.map(lower);
    this.sub = n.map(() => []);
    this.own = n.map(() => []);
    p.forEach((q, i) => i && this.sub[q].push(i));
    this.rows.f.forEach((f, i) => this.own[f].push(i));
    this.all = this.select([]).sum.size;
  }
  kind(i) { return this.kinds[this.rows.k[i]]; }
  name(i) { return this.rows.n[i] || count(this.rows.c[i]) + ' small files'; }
  // add adds a row; v is what areas show, which m says.
  add(sum, i) {
    const n = this.rows.s[i], files = this.rows.c[i], k = this.kind(i), l = this.layers[k[0]];
    sum.v += this.m === 'files' ? files : this.m === 'download' ? n * l.d / (l.s || 1) : n;
    sum.size += n;
    sum.files += files;
    if (k[4]) sum.wasted += n;
    if (l.b) sum.base += n;
    return sum;
  }
  text(sum) { return `${count(sum.files)} file${sum.files === 1 ? '' : 's'}, ${bytes(sum.size)} (${share(sum.size, this.all)}), ${bytes(sum.wasted)} wasted`; }
  test(field, {text, low, high}) {
    const {rows, kinds, layers} = this, word = lower(text || ''), among = x => x >= low && x <= high;
    const kind = has => { const yes = kinds.map(has); return i => yes[rows.k[i]]; };
    // item tests the paths of folders, then those of rows.
    const item = (inFolder, has) => { const yes = this.lower.map(inFolder); return i => yes[rows.f[i]] || has(this.names[i], i); };
    const whole = (name, i) => this.lower[rows.f[i]] + '/' + name;
    switch (field) {
      case 'size': return i => among(rows.s[i] / rows.c[i]);
      case 'layer': return kind(k => among(k[0]));
      case 'line': return kind(k => { const l = layers[k[0]]; return l.a && (!text || l.f === text) && l.z >= low && l.a <= high; });
      case 'base': return kind(k => layers[k[0]].b === (text === 'yes'));
      case 'pkg': { const re = pattern(normal(text), '$'); return kind(k => re.test(normal(this.owners[k[2]][0]))); }
      case 'cat': return kind(k => lower(this.labels.category[k[3]]).includes(word));
      case 'ext': return kind(k => lower(this.labels.extension[k[5]]) === text);
      case 'wasted': return kind(k => k[4] ? text === 'yes' || this.causes[k[4]] === text : text === 'no');
      case 'rule': return kind(k => k[6] >= 0 && this.sets[k[6]].some(f => this.rules[f] === text));
    }
    if (field && /^\/|[*?]/.test(word)) {
      const re = pattern((word[0] === '/' ? '' : '*') + word.replace(/\/$/, ''), '($|/)');
      return item(p => re.test(p + '/'), (name, i) => re.test(whole(name, i)));
    }
    return item(p => (p || '/').includes(word), (name, i) => name.includes(word) || word.includes('/') && whole(name, i).includes(word));
  }
  select(terms) {
    const tests = terms.map(t => { const any = t.values.map(v => this.test(t.field, v)); return i => any.some(has => has(i)) !== t.not; });
    const sum = zero(), has = this.rows.s.map((_, i) => tests.every(t => t(i)) && this.add(sum, i));
    return {has, sum};
  }
  // missing are the requirements that are not needed without some.
  missing(without) {
    const reach = skip => { const seen = new Set(skip), go = i => { if (!seen.has(i)) { seen.add(i); this.reqs[i].r.forEach(go); } }; this.reqs.forEach((r, i) => r.a && go(i)); return seen; };
    const after = reach(without);
    return [...reach([])].filter(i => without.includes(i) || !after.has(i));
  }
}
// halves divides a rectangle among sizes, the largest first: in two parts of about
// the same size, and these again. What is too small to be seen is left out.
function halves(v, x, y, w, h, put, i = 0, j = v.length) {
  if (i >= j || w * h < 90) return;
  if (j - i < 2) return put(i, x, y, w, h);
  let sum = 0, part = 0, k = i;
  for (let n = i; n < j; n++) sum += v[n];
  do part += v[k++]; while (k < j - 1 && part + v[k] / 2 <= sum / 2);
  const wide = w >= h, a = wide ? w * part / sum : w, b = wide ? h : h * part / sum;
  halves(v, x, y, a, b, put, i, k);
  if (wide) halves(v, x + a, y, w - a, h, put, k, j); else halves(v, x, y + b, w, h - b, put, k, j);
}
function start(doc) {
  const $ = s => doc.querySelector(s), $$ = s => [...doc.querySelectorAll(s)];
  const el = (tag, attrs, ...kids) => {
    const e = /^(g|rect|text)$/.test(tag) ? doc.createElementNS($('.map').namespaceURI, tag) : doc.createElement(tag);
    for (const k in attrs) e.setAttribute(k, attrs[k]);
    e.append(...kids);
    return e;
  };
  const link = (text, to) => Object.assign(el('button', {class: 'a'}, text), {onclick: () => go(to)});
  // The state is in the URL: filter, grouping, measure, group, folder, file,
  // requirements that are ticked, part, details that were opened or closed, and the
  // filters of findings.
  const usual = {q: '', by: 'directory', m: 'size', g: '', f: '', s: '', w: '', at: '', o: '', risk: '', rule: '', fix: '', variant: ''};
  const S = {...usual}, details = $$('details'), before = details.map(d => d.open), help = $('#help'), q = $('#q'), ticks = $$('.need');
  const write = how => history[how + 'State'](null, '', '#' + new URLSearchParams(Object.entries(S).filter(([k, v]) => v !== usual[k])));
  let was, wait;
  const go = (change, how = 'push', then = draw) => { was = S.f; Object.assign(S, {s: ''}, change); write(how); then(); };
  const later = () => { clearTimeout(wait); wait = setTimeout(draw, 80); };
  const part = () => doc.getElementById(S.at)?.scrollIntoView();
  const read = () => { const hash = location.hash.slice(1); Object.assign(S, usual, /=/.test(hash) ? Object.fromEntries(new URLSearchParams(hash)) : {at: hash}); draw(); };
  const M = $$('.data').map((s, i) => Object.assign(new Model(JSON.parse(s.textContent)), {out: $$('output')[i], map: $$('.map')[i]}));
  const keys = {__proto__: null, package: 2, instruction: 0, category: 3, extension: 5};
  const sorted = list => list.sort((a, b) => b.v - a.v || b.size - a.size);
  function children(m, folder) {
    const out = m.sub[folder].filter(d => m.sums[d].files).map(d => ({...m.sums[d], m, name: m.folders.n[d], path: m.path[d], folder: d, to: {f: m.path[d]}}));
    for (const i of m.own[folder]) if (m.has[i]) { const name = m.name(i), path = m.path[folder] + '/' + name; out.push({...m.add(zero(), i), m, name, path, row: i, to: {s: path}}); }
    return sorted(out);
  }
  // level is what an image has at the level that is shown.
  function level(m, terms) {
    m.m = S.m;
    const {has, sum} = m.select(terms), by = keys[S.by] + 1 && m.labels[S.by], all = by && !S.g, groups = new Map();
    m.out.textContent = m.text(sum);
    m.sums = m.path.map(zero);
    m.has = has.map((yes, i) => {
      const name = yes && by && by[m.kind(i)[keys[S.by]]];
      if (yes && all && !groups.has(name)) groups.set(name, {...zero(), m, name, path: name, to: {g: name}});
      if (yes &&= all || !by || name === S.g) m.add(all ? groups.get(name) : m.sums[m.rows.f[i]], i);
      return yes;
    });
    for (let d = m.path.length - 1; d > 0; d--) for (const k in m.sums[d]) m.sums[m.folders.p[d]][k] += m.sums[d][k];
    const folder = m.path.indexOf(S.f);
    return all ? sorted([...groups.values()]) : folder < 0 ? [] : children(m, folder);
  }
  function draw() {
    for (const c of $$('[data-s]')) c.value = S[c.dataset.s];
    details.forEach((d, i) => { d.open = before[i] !== S.o.split('.').includes('' + i); });
    for (const f of $$('.finding')) f.hidden = Object.entries(f.dataset).some(([k, v]) => S[k] && S[k] !== v);
    if (!M.length) return;
    let terms, wrong = '';
    try { terms = parseQuery(S.q); } catch (e) { wrong = String(e); }
    $('#wrong').textContent = wrong;
    q.ariaInvalid = !!wrong;
    if (wrong) return;
    const had = doc.activeElement;
    $('#card').replaceChildren();
    table(M.map(m => {
      const list = level(m, terms), w = Math.max(m.map.clientWidth, 240), h = Math.min(w * .8, 560);
      m.map.replaceChildren();
      m.map.setAttribute('viewBox', `0 0 ${w} ${h}`);
      cells(m, list, 0, 0, w, h, 0);
      return list;
    }));
    const steps = [['all', {f: '', g: ''}]];
    if (S.g) steps.push([S.g, {f: ''}]);
    S.f.split('/').forEach((name, i, path) => i && steps.push([name, {f: path.slice(0, i + 1).join('/')}]));
    $('#crumbs').replaceChildren(...steps.flatMap(([name, to], i) => [i ? ' / ' : '', link(name, to)]));
    needs();
    // Where what had the focus is gone, the way goes on at what it became.
    if (!had.isConnected) { const tops = $$('.map [role]'); (tops.find(g => S.s ? g.to.s === S.s : g.to.f === was) || tops[0])?.focus(); }
  }
  function cells(m, list, x, y, w, h, depth) {
    list = list.filter(c => c.v > 0);
    halves(list.map(c => c.v), x, y, w, h, (n, x, y, width, height) => {
      const c = list[n], deep = c.folder && depth < 9 && width > 18 && height > 32, wasted = height * c.wasted / (c.size || 1), fits = Math.floor((width - 8) / 6.5);
      const g = el('g', {class: `cell d${depth % 4}${c.base * 2 > c.size ? ' base' : ''}`, ...(depth ? {} : {role: 'button', tabindex: n ? -1 : 0,
        'aria-label': c.name + ': ' + m.text(c)})}, el('rect', {x, y, width, height}));
      if (wasted > 1 && !deep) g.append(el('rect', {class: 'hatch', x, y: y + height - wasted, width, height: wasted}));
      g.to = c.to;
      g.onclick = () => go(c.to);
      g.onmouseenter = g.onfocus = () => show(c);
      if (c.path === S.s) show(c);
      m.map.append(g);
      if (fits > 3 && height > 14) m.map.append(el('text', {x: x + 4, y: y + 12, 'aria-hidden': true}, c.name.length > fits ? c.name.slice(0, fits - 1) + '…' : c.name));
      if (deep) cells(m, children(m, c.folder), x + 2, y + 16, width - 4, height - 18, depth + 1);
    });
  }
  // table has a row for what one of the images has: with several, their sizes and
  // the difference of the last to the first.
  function table(lists) {
    if (!lists.some(l => l.length)) $('#wrong').textContent = 'nothing is here';
    const rows = new Map(), last = M.length - 1, change = r => r.sizes[last] - r.sizes[0];
    lists.forEach((l, n) => l.forEach((c, i) => { const k = last ? c.path : i, r = rows.get(k) || {c, sizes: M.map(() => 0)}; r.sizes[n] += c.size; rows.set(k, r); }));
    const by = [...rows.values()];
    if (last) by.sort((a, b) => Math.abs(change(b)) - Math.abs(change(a)));
    $('#level tbody').replaceChildren(...by.slice(0, 200).map(r => el('tr', {}, el('th', {scope: 'row'}, link(r.c.name, r.c.to)),
      ...(last ? [...r.sizes.map(bytes), (change(r) > 0 ? '+' : '') + bytes(change(r))] : [bytes(r.c.size), share(r.c.size, r.c.m.all), bytes(r.c.wasted), count(r.c.files)]).map(text => el('td', {class: 'n'}, text)))));
  }
  function show(c) {
    const {m} = c, facts = [['', c.path], ['Size', m.text(c)]];
    if (c.row >= 0) {
      const k = m.kind(c.row), by = m.labels, name = i => by.instruction[i];
      facts.push(['Package', by.package[k[2]]], ['Because of', m.owners[k[2]][1]], ['Added by', name(k[0])], ['Fate', k[4] ? `${m.causes[k[4]]} by ${name(k[1])}` : 'visible'], ['Category', by.category[k[3]]], ['Removed by', k[6] >= 0 && [...new Set(m.sets[k[6]].map(f => m.rules[f]))].join(', ')]);
    }
    $('#card').replaceChildren(...facts.filter(f => f[1]).map(([name, text]) => el('div', {}, el('dt', {}, name), el('dd', {}, text))));
  }
  function needs() {
    const ticked = S.w.split(' ');
    for (const t of ticks) t.checked = ticked.includes(t.dataset.n);
    for (const out of $$('.without')) {
      const i = out.dataset.i, {reqs, all} = M[i], without = reqs.map((_, n) => n).filter(n => ticked.includes(i + '.' + n));
      const gone = M[i].missing(without), saved = gone.reduce((n, g) => n + reqs[g].o, 0);
      out.textContent = without[0] >= 0 ? `Without ${without.map(n => reqs[n].n).join(', ')}: ${bytes(all - saved)}, ${bytes(saved)} less; ${gone.length > 1 ? gone.length + ' distributions go' : '1 distribution goes'}.` : '';
    }
  }
  onkeydown = e => {
    const at = e.target;
    if (e.ctrlKey || e.metaKey || e.altKey || help.open || at.form) return;
    if (e.key === 'Escape') return at === q ? q.blur() : go(S.s ? {} : S.f ? {f: S.f.replace(/\/[^/]*$/, '')} : S.g ? {g: ''} : {q: ''});
    if (at.dataset.s) return;
    if (at.to) {
      const way = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1}[e.key], tops = [...at.parentNode.querySelectorAll('[role]')], next = tops[tops.indexOf(at) + way];
      const enter = /^(Enter| )$/.test(e.key);
      if (way || enter) e.preventDefault();
      next?.focus();
      if (enter) go(at.to);
    }
    if (e.key === '/' && q) { e.preventDefault(); q.focus(); }
    if (e.key === '?') help.showModal();
  };
  onclick = e => {
    const t = e.target, {act, term} = t.dataset;
    if (t.hash) { e.preventDefault(); go({at: t.hash.slice(1)}); part(); }
    if (term) { const words = S.q.split(' ').filter(Boolean); go({q: (words.includes(term) ? words.filter(x => x !== term) : [...words, term]).join(' ')}); }
    help[act]?.();
    if (act === 'find') { go({q: t.value, f: '', g: '', at: 'treemap'}); part(); }
    if (act === 'copy') navigator.clipboard.writeText(t.nextElementSibling.textContent);
    if (ticks.includes(t)) go({w: ticks.filter(b => b.checked).map(b => b.dataset.n).join(' ')}, 'push', needs);
  };
  oninput = e => { const k = e.target.dataset.s; if (k) go({...(k === 'by' && {g: '', f: ''}), [k]: e.target.value}, ...(k === 'q' ? ['replace', later] : [])); };
  if ($('#value')) $('#save').href = URL.createObjectURL(new Blob([$('#value').textContent], {type: 'application/json'}));
  for (const e of $$('.scripted')) e.hidden = false;
  read();
  for (const d of details) d.ontoggle = () => { S.o = details.map((d, i) => d.open !== before[i] ? i : '').filter(String).join('.'); write('replace'); };
  onpopstate = read;
  onresize = later;
  part();
}
start(document);
