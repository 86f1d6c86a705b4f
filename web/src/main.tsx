import { render } from 'preact';

import { App } from './app.jsx';
import { startTheme } from './lib/theme.js';
import './styles.css';

startTheme();
const place = document.querySelector('#console');
if (place) render(<App />, place);
