// The page of wsdump --web. The server says that something changed, the modules
// fetch what of it is looked at.

import { watch } from './api.js';
import * as bar from './bar.js';
import * as connections from './connections.js';
import * as detail from './detail.js';
import { keeps } from './download.js';
import './keys.js';
import * as messages from './messages.js';
import { rates } from './rates.js';
import * as search from './search.js';
import './split.js';
import * as timeline from './timeline.js';
import { on } from './view.js';

let started = false;

messages.listen({
  changed: () => {
    bar.show();
    timeline.showSight();
  },
  failed: (e) => {
    search.refused(e && e.status === 400 ? e.message : null);
    bar.show();
  },
});

function filterChanged() {
  search.show();
  connections.redraw();
  timeline.showChoice();
  timeline.refresh();
  if (started) messages.start();
}

on('filter', filterChanged);
on('selected', () => {
  messages.redraw();
  detail.show();
});
on('tab', detail.show);

watch((state) => {
  const { stats } = state;
  rates.live = stats.live && !stats.ended;
  messages.setLive(!stats.ended);
  keeps(stats.packets !== false);
  bar.showStats(stats);
  connections.refresh(state.version);
  timeline.refresh();
  if (!started) {
    started = true;
    messages.start({ tail: stats.live });
    detail.show();
  } else messages.refresh();
}, bar.showLink);

rates.drawn = connections.redraw;
setInterval(() => {
  if (!rates.live) return;
  rates.tick();
  connections.redraw();
}, 1000);

search.show();
connections.redraw();
