<?php

declare(strict_types=1);

namespace Fantail\Drc;

/** To whom a client may send. */
enum Mode: int
{
    case ReceiveOnly = 0;
    case SendToAuthorities = 1;
    case SendToAnyone = 2;
}
