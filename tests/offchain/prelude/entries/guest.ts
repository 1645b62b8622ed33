import { handle } from '@phala/wapo-env/guest';
import { app } from './app';

export default handle(app);
