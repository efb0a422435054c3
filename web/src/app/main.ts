// Entry: the page over the server it came from.
import { mount } from 'svelte';
import App from './App.svelte';
import './style.css';
import { LiveSource } from '../io/live';

export default mount(App, { target: document.getElementById('app')!, props: { source: new LiveSource() } });
